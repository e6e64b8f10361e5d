/** Simplified Chinese: what is said when something fails, is refused, or is not heard of. */
import type { enFailures } from './en-failures.ts'
import { zhDetail } from './zh-config.ts'

export const zhFailures: typeof enFailures = {
  problem: {
    notFound: '没有这个页面。',
    noRelease: (name) => `没有名为“${name}”的发布。`,
    forbiddenHint: (role) => `你的角色是${role}。`,
    forcedControl: '应急开关已启用：无论此页显示什么，所有新提交都由对照处理。要解除：',
    unreachable: '控制面无法访问。',
    unreachableHint: '数据面按最后已知的分流继续工作。要在没有控制面的情况下把所有新提交转到对照：',
    invalidConfigHint: '配置不完整时不会路由任何请求。请修正这些键并部署：',
    internalHint: (requestId) => `详情见日志中的请求 ${requestId}。`,
    known: '这里已知的状态',
    knownNote: '与此页面同在的数据面最后得知的状态，并据此继续工作。',
    other: '没有成功。',
    home: '返回发布列表',
  },
  refusal: {
    code: {
      illegal_transition: '发布的当前状态不允许这样做。',
      blocked: '还有条件没有满足。',
      invalid_request: '不能按所填的执行。',
      version_mismatch: '期间已被他人修改。',
      review_required: '需要另一个人参与：变更不能由提出者自己批准；要求评审时，也不能由其自己发布。',
      not_author: '只有申请人或管理员可以这样做。',
      change_stale: '它已过时：期间有人发布了别的改动。请先变基，再查看一遍。',
      change_closed: '它已经发布或放弃。',
      change_not_found: '没有这个变更申请。',
      forbidden: '你的角色不允许这样做。',
      release_not_found: '没有这个发布。',
      body_too_large: '内容过大，无法提交。',
      origin_mismatch: '这次提交不是来自控制台的页面。请重新打开页面再操作。',
      method_not_allowed: '这个地址不接受提交。',
      auth_not_configured: '还不能登录：需要设置密钥 SLUICE_TOKENS 与 SLUICE_COOKIE_KEY。',
      identity_unavailable: '暂时取不到用来核验身份的公钥，请稍后再试。',
      control_plane_unavailable: '控制面没有应答，请稍后再试。',
      config_invalid: '配置无效。',
      internal: 'Sluice 内部出错。',
    },
    field: {
      percent: '百分比是 0 到 100 之间的数字。',
      sample: '复制的百分比是 0 到 100 之间的数字。',
      reason: '原因最多 500 个字符。',
      stage: '没有这个阶段。',
      session: '会话需要 https，只有本机例外。',
    },
    possible: (actions) => `现在可以：${actions}。`,
    key: zhDetail,
  },
  live: {
    failed: '没有成功。据此处所知没有任何改动；重试之前请先查看最新状态。',
    asOf: '截至',
    stale: (span) => `数据已是 ${span}之前的：实时流没有消息。`,
    lost: '控制面无法访问。以下是最后已知的状态。',
    breakGlass: '仍要把所有新提交转到对照：',
  },
}
