/** Change requests of the live configuration, and its published versions. */
import { counted } from '../format.ts'
import type { Choose } from './choose.ts'

export const changes = (pick: Choose) => ({
  changes: {
    title: pick('Changes', '变更'),
    note: pick(
      'shared drafts of the live configuration, and published versions',
      '所有人可见的实时配置草案，以及已发布的版本',
    ),
    open: (n: number) =>
      pick(
        n === 0 ? 'No open change request' : counted(n, 'open change request', 'open change requests'),
        n === 0 ? '没有待处理的变更申请' : `${n} 个待处理的变更申请`,
      ),
    openHint: pick(
      'On the Configuration page, change something and ask for a review.',
      '在配置页修改后，可以提交评审。',
    ),
    ended: pick('Published and discarded', '已发布与已放弃'),
    number: (id: number) => `#${id}`,
    status: {
      open: pick('open', '待处理'),
      published: pick('published', '已发布'),
      discarded: pick('discarded', '已放弃'),
    },
    stale: pick('stale', '已过时'),
    staleHint: (base: number, now: number) =>
      pick(
        `Made for version ${base}, but version ${now} is in effect: it can’t be published as it is. Changed since then:`,
        `它针对版本 ${base}，而现在生效的是版本 ${now}，因此不能直接发布。期间的改动如下：`,
      ),
    rebaseHint: pick(
      'Rebasing puts the same change on top of the version in effect. Earlier approvals no longer count.',
      '变基会把同样的改动套用到当前配置上，之前的批准随之失效。',
    ),
    nothingLeft: pick(
      'It would change nothing: all that it asks for acts already. Discard it.',
      '没有可发布的改动：它所要求的值已经生效，可以放弃。',
    ),
    approved: (names: string) => pick(`approved by ${names}`, `${names} 已批准`),
    reviewRequired: pick(
      'This release requires a second person: the author of a change does not publish it.',
      '此发布要求两人参与：提出变更的人不能自己发布。',
    ),
    wouldChange: pick('What it would change', '将改变的内容'),
    changed: pick('What it changed', '已改变的内容'),
    asked: pick('What it asked for', '申请改变的内容'),
    now: pick('in effect', '当前生效'),
    proposed: pick('proposed', '申请改为'),
    before: pick('before', '之前'),
    after: pick('after', '之后'),
    issues: pick('It could not be published as it is:', '目前还不能发布：'),
    reviews: pick('Reviews', '评审'),
    reviewsNone: pick('No reviews yet.', '还没有人评审。'),
    verdict: { approve: pick('approves', '批准'), comment: pick('comments', '留言') },
    outdated: pick('of an earlier revision', '针对较早的修订'),
    comment: pick('Comment', '意见'),
    act: {
      approve: pick('Approve', '批准'),
      comment: pick('Comment', '留言'),
      publish: pick('Publish', '发布'),
      rebase: pick('Rebase', '变基'),
      discard: pick('Discard', '放弃'),
    },
    edit: pick('Edit', '修改申请'),
    save: pick('Save', '保存'),
    patch: pick('Change, as JSON', '改动（JSON）'),
    name: pick('Title', '标题'),
    nameMissing: pick('A title is needed, of at most 100 characters.', '请填写标题，至多 100 个字符。'),
    propose: pick('Ask for a review', '提交评审'),
    breakGlass: pick(
      'Publish without a second person (break-glass: the history and a webhook say so)',
      '不经第二人直接发布（紧急手段：会记入历史并发出 Webhook）',
    ),
    skipped: pick('without the required second person', '未经要求的第二人'),
    versions: pick('Published versions', '已发布的版本'),
    versionsNone: pick('Nothing was published live yet.', '尚未实时发布过。'),
    restored: (version: number) => pick(`brings back version ${version}`, `恢复了版本 ${version}`),
    fromChange: pick('change request', '变更申请'),
    look: pick('Changes and restore', '查看改动，或恢复'),
    sameAsBefore: pick('Same effect as the version before.', '生效的值与上一版本相同。'),
    restore: (version: number) => pick(`Restore version ${version}`, `恢复版本 ${version}`),
    proposeRestore: (version: number) => pick(`Ask to restore version ${version}`, `申请恢复版本 ${version}`),
    edited: pick(
      'It was edited after you opened this page. Check the current version.',
      '打开页面之后它被修改过。请重新查看现在的内容。',
    ),
  },
})
