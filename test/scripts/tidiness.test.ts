import t from 'tap'
import { checkFile, checkSignposts } from '../../scripts/tidiness/check.ts'

const said = (path: string, text: string): string[] => checkFile(path, text).map(finding => finding.text)

t.test('the outside world is passed in: calls of it are found with their remedy', async t => {
  t.strictSame(said('src/master/leases.ts', 'const a = 1\nconst now = Date.now()\n'),
    ['src/master/leases.ts:2: Date.now( has no place here, use the Clock passed to the constructor'])
  t.equal(said('src/client/retry.ts', 'setTimeout(again, 5)\n').length, 1)
  t.equal(said('src/client/retry.ts', "import { readFileSync } from 'node:fs'\n").length, 1)
  t.strictSame(said('src/client/retry.ts', 'const timer = this.#clock.setTimeout(again, 5)\n'), [], 'a method is somebody else')
})

t.test('the seams, the kernel device and the programs for people may touch the outside world', async t => {
  for (const path of ['src/seams/clock.ts', 'src/cli/commands/get.ts', 'src/fuse/kernel/device.ts']) {
    t.strictSame(said(path, 'const now = Date.now()\n'), [], path)
  }
})

t.test('imports point one way', async t => {
  t.match(said('src/chunkserver/store/read.ts', "\nimport { a } from '../../master/leases.ts'\n"),
    [/^src\/chunkserver\/store\/read.ts:2: imports src\/master\/leases.ts, but src\/chunkserver may import only src\/protocol/])
  t.match(said('src/seams/clock.ts', "import type { A } from '../protocol/a.ts'\n"), [/no other part/])
  t.match(said('src/client/a.ts', "export {\n  a,\n} from '../fuse/a.ts'\n"), [/imports src\/fuse\/a.ts/])
  t.match(said('src/client/a.ts', "const a = await import('../master/a.ts')\n"), [/imports src\/master\/a.ts/])
  t.strictSame(said('src/fuse/a.ts', "import { b } from '../client/b.ts'\nimport { c } from './c.ts'\nimport z from 'zod'\n"), [])
  t.match(said('src/newpart/a.ts', ''), [/add it there/])
})

t.test('a folder or file is named after its subject', async t => {
  for (const path of ['src/client/utils/a.ts', 'src/client/helpers.ts', 'test/common/a.ts', 'src/client/LeaseTable.ts']) {
    t.equal(said(path, '').length, 1, path)
  }
  t.strictSame(said('src/client/lease-table.ts', ''), [])
})

t.test('long files are warned of, longer ones refused', async t => {
  t.strictSame(checkFile('src/client/a.ts', '\n'.repeat(399)), [])
  t.match(checkFile('src/client/a.ts', '\n'.repeat(400)), [{ severity: 'warning' }])
  t.match(checkFile('src/client/a.ts', '\n'.repeat(600)), [{ severity: 'error' }])
})

t.test('layout: long lines, semicolons and trailing space are found', async t => {
  t.equal(said('src/client/a.ts', `const a = '${'x'.repeat(132)}'\n`).length, 1)
  t.equal(said('src/client/a.ts', 'const a = 1;\n').length, 1)
  t.equal(said('src/client/a.ts', 'const a = 1 \n').length, 1)
  t.strictSame(said('src/client/a.ts', 'for (;;) {\n}\n'), [])
})

t.test('the architecture page names files of a write, and those exist', async t => {
  const page = '1 src/fuse/write.ts becomes a call\n2 src/client/gone.ts keeps it'
  t.match(checkSignposts('page', page, path => path !== 'src/client/gone.ts'),
    [{ text: /^page: src\/client\/gone.ts does not exist/ }])
  t.strictSame(checkSignposts('page', page, () => true), [])
  t.equal(checkSignposts('page', 'nothing', () => true).length, 1, 'a page without the list is found out')
})
