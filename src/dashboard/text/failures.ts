/** What is said when something fails, is refused, or is not heard of. */
import type { Detail } from '../../api/index.ts'
import type { Choose } from './choose.ts'
import { zhDetail } from './zh-config.ts'

export const failures = (pick: Choose) => ({
  problem: {
    notFound: pick('There is no such page.', '没有这个页面。'),
    noRelease: (name: string) => pick(`There is no release “${name}”.`, `没有名为“${name}”的发布。`),
    forbiddenHint: (role: string) => pick(`You are here as ${role}.`, `你的角色是${role}。`),
    forcedControl: pick(
      'Break-glass is set: control serves every new submit, whatever this page shows. To end it:',
      '应急开关已启用：无论此页显示什么，所有新提交都由对照处理。要解除：',
    ),
    unreachable: pick('The control plane can’t be reached.', '控制面无法访问。'),
    unreachableHint: pick(
      'The data plane keeps using the last split it knows. To send every new submit to control without the control plane:',
      '数据面按最后已知的分流继续工作。要在没有控制面的情况下把所有新提交转到对照：',
    ),
    invalidConfigHint: pick(
      'Nothing is routed on a half-read configuration. Fix these keys and deploy:',
      '配置不完整时不会路由任何请求。请修正这些键并部署：',
    ),
    internalHint: (requestId: string) =>
      pick(`See the log for request ${requestId}.`, `详情见日志中的请求 ${requestId}。`),
    known: pick('What is known here', '这里已知的状态'),
    knownNote: pick(
      'What the data plane last heard, and keeps using.',
      '与此页面同在的数据面最后得知的状态，并据此继续工作。',
    ),
    other: pick('That did not work.', '没有成功。'),
    home: pick('To the releases', '返回发布列表'),
  },
  refusal: {
    code: {
      illegal_transition: pick('That is not possible in the release’s current state.', '发布的当前状态不允许这样做。'),
      blocked: pick('Something still blocks it.', '还有条件没有满足。'),
      invalid_request: pick('That can’t be done as asked.', '不能按所填的执行。'),
      version_mismatch: pick('Someone else changed it in the meantime.', '期间已被他人修改。'),
      review_required: pick(
        'This requires a second person: nobody approves their own change, nor publishes it where the release requires a review.',
        '需要另一个人参与：变更不能由提出者自己批准；要求评审时，也不能由其自己发布。',
      ),
      not_author: pick('Only its author does that, or an admin.', '只有申请人或管理员可以这样做。'),
      change_stale: pick(
        'It is stale: others published meanwhile. Rebase it, then look again.',
        '它已过时：期间有人发布了别的改动。请先变基，再查看一遍。',
      ),
      change_closed: pick('It is already published or discarded.', '它已经发布或放弃。'),
      change_not_found: pick('There is no such change request.', '没有这个变更申请。'),
      forbidden: pick('Your role does not allow this.', '你的角色不允许这样做。'),
      release_not_found: pick('There is no such release.', '没有这个发布。'),
      body_too_large: pick('That is too large to be sent.', '内容过大，无法提交。'),
      origin_mismatch: pick(
        'This was not sent from a page of the dashboard. Open the page again and repeat it there.',
        '这次提交不是来自控制台的页面。请重新打开页面再操作。',
      ),
      method_not_allowed: pick('Nothing can be sent to this address.', '这个地址不接受提交。'),
      auth_not_configured: pick(
        'Nobody can log in yet: the secrets SLUICE_TOKENS and SLUICE_COOKIE_KEY must be set.',
        '还不能登录：需要设置密钥 SLUICE_TOKENS 与 SLUICE_COOKIE_KEY。',
      ),
      identity_unavailable: pick(
        'The keys to check who you are can’t be reached. Try again in a moment.',
        '暂时取不到用来核验身份的公钥，请稍后再试。',
      ),
      control_plane_unavailable: pick(
        'The control plane does not answer. Try again in a moment.',
        '控制面没有应答，请稍后再试。',
      ),
      config_invalid: pick('The configuration is invalid.', '配置无效。'),
      internal: pick('Something went wrong inside Sluice.', 'Sluice 内部出错。'),
    },
    field: {
      percent: pick('A percent is a number from 0 to 100.', '百分比是 0 到 100 之间的数字。'),
      sample: pick('The percent to copy is a number from 0 to 100.', '复制的百分比是 0 到 100 之间的数字。'),
      reason: pick('A reason has at most 500 characters.', '原因最多 500 个字符。'),
      stage: pick('There is no such stage.', '没有这个阶段。'),
      session: pick('A session needs https, except on the machine itself.', '会话需要 https，只有本机例外。'),
    },
    possible: (actions: string) => pick(` Possible now: ${actions}.`, `现在可以：${actions}。`),
    /** What is wrong with a key of the configuration: English is what the API says. */
    key: pick(({ message }: Detail) => message, zhDetail),
  },
  live: {
    failed: pick(
      'That did not work. As far as this page knows, nothing was changed: check before you repeat it.',
      '没有成功。据此处所知没有任何改动；重试之前请先查看最新状态。',
    ),
    asOf: pick('as of', '截至'),
    stale: (span: string) =>
      pick(`Figures are ${span} old: the stream is silent.`, `数据已是 ${span}之前的：实时流没有消息。`),
    lost: pick(
      'The control plane can’t be reached. This is what was known last.',
      '控制面无法访问。以下是最后已知的状态。',
    ),
    breakGlass: pick('To send every new submit to control anyway:', '仍要把所有新提交转到对照：'),
  },
})
