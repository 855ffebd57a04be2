import t from 'tap'
import { table } from '../../src/cli/table.ts'
import { durationText, modeText, sizeText, wordingOf } from '../../src/cli/wording.ts'
import { DfsError } from '../../src/protocol/errors.ts'

t.test('errors read as those of other programs', t => {
  t.equal(wordingOf(new DfsError('no-such-entry', 'x')), 'No such file or directory')
  t.equal(wordingOf(Object.assign(new Error('EACCES: …'), { code: 'EACCES', syscall: 'open' })), 'Permission denied')
  t.equal(wordingOf(new DfsError('unreachable', 'no master answers: h:1')), 'no master answers: h:1', 'the rest says itself')
  t.end()
})

t.test('sizes, modes and durations as people write them', t => {
  t.same([0, 1023, 1024, 1536, 64 * 1024 ** 2, 5 * 1024 ** 4].map(sizeText),
    ['0 B', '1023 B', '1 KiB', '1.5 KiB', '64 MiB', '5 TiB'])
  t.equal(modeText('directory', 0o1777), 'drwxrwxrwt')
  t.equal(modeText('file', 0o4755), '-rwsr-xr-x')
  t.equal(modeText('file', 0o6644), '-rwSr-Sr--')
  t.same([500, 61_000, 3_600_000, 90_061_000].map(durationText), ['0 s', '1 min 1 s', '1 h', '1 d 1 h'])
  t.end()
})

t.test('columns are aligned and lines end without blanks', t => {
  t.same(table([['a', '1', 'x'], ['long', '22', ''], ['b', '3', 'yy']], ['left', 'right']),
    ['a      1  x', 'long  22', 'b      3  yy'])
  t.end()
})
