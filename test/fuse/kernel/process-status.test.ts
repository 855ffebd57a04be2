import t from 'tap'
import { groupsOf, parseGroups } from '../../../src/fuse/kernel/process-status.ts'

t.test('supplementary groups are those of the line, be they many or none', t => {
  const status = (groups: string): string => `Uid:\t0\t0\t0\t0\nGroups:\t${groups}\nNStgid:\t123\nNSpid:\t123\n`
  t.strictSame(parseGroups(status('4 24 1000 ')), [4, 24, 1000])
  t.strictSame(parseGroups(status('')), [], 'the next line is not taken for them')
  t.strictSame(parseGroups(status(' ')), [])
  t.strictSame(parseGroups(''), [], 'nor is a process that is gone')
  t.end()
})

t.test('a process that cannot be seen has no groups', t => {
  t.strictSame(groupsOf(0), [])
  t.strictSame(groupsOf(2 ** 30), [])
  t.end()
})
