import { constants } from 'node:fs'
import { open, readFile, stat, truncate, unlink, writeFile, appendFile, mkdir, rm } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import t from 'tap'
import { mounted, runToEnd, whyNoMount } from './mounted.ts'

const skip = whyNoMount()
if (skip !== undefined) {
  t.pass(skip, { skip })
} else {
  const { directories: [root = ''], complaints } = await mounted(t)
  const at = (name: string): string => path.join(root, name)

  await t.test('bytes written are the bytes read, of every size and offset', async t => {
    const data = randomBytes(3 * 1024 * 1024 + 4711)
    await writeFile(at('big'), data)
    t.ok(data.equals(await readFile(at('big'))), 'the same')
    const piece = randomBytes(70_001)
    const file = await open(at('big'), 'r+')
    await file.write(piece, 0, piece.length, 1_048_577 - 35_000)
    piece.copy(data, 1_048_577 - 35_000)
    await file.sync()
    await file.datasync()
    await file.close()
    t.ok(data.equals(await readFile(at('big'))), 'the same after an overwrite across a request boundary')
    await rm(at('big'))
  })

  await t.test('bytes come back uncached as well', async t => {
    const data = randomBytes(2 * 1024 * 1024 + 1)
    await writeFile(at('direct'), data)
    const { status, output } = await runToEnd('sh', ['-c', `dd if='${at('direct')}' iflag=direct bs=1M status=none | sha256sum`])
    const expected = await runToEnd('sh', ['-c', `sha256sum < '${at('direct')}'`])
    t.equal(status, 0)
    t.equal(output, expected.output)
    await unlink(at('direct'))
  })

  await t.test('O_EXCL refuses a file that is there', async t => {
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY
    await (await open(at('exclusive'), flags)).close()
    await t.rejects(open(at('exclusive'), flags), { code: 'EEXIST' })
  })

  await t.test('O_TRUNC empties, and the old bytes do not come back', async t => {
    await writeFile(at('emptied'), 'x'.repeat(10_000))
    await (await open(at('emptied'), 'w')).close()
    t.equal((await stat(at('emptied'))).size, 0)
    await truncate(at('emptied'), 100)
    t.strictSame(await readFile(at('emptied')), Buffer.alloc(100))
  })

  await t.test('O_APPEND writes behind what is there', async t => {
    await writeFile(at('log'), 'one\n')
    await appendFile(at('log'), 'two\n')
    const file = await open(at('log'), 'a+')
    await file.write('three\n')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(100), 0, 100, 0)
    t.equal(buffer.toString('utf8', 0, bytesRead), 'one\ntwo\nthree\n', 'and the same handle reads it')
    await file.close()
    t.equal((await stat(at('log'))).size, 14)
  })

  await t.test('ftruncate and truncate change the size both ways', async t => {
    const file = await open(at('cut'), 'w+')
    await file.writeFile('0123456789')
    await file.truncate(4)
    t.equal((await file.stat()).size, 4)
    await file.truncate(8)
    await file.close()
    t.equal(await readFile(at('cut'), 'latin1'), '0123\0\0\0\0')
    await truncate(at('cut'), 2)
    t.equal(await readFile(at('cut'), 'latin1'), '01')
  })

  await t.test('an unlinked file lives as long as it is open', async t => {
    const file = await open(at('orphan'), 'w+')
    await file.writeFile('still here')
    await unlink(at('orphan'))
    t.equal((await file.stat()).nlink, 0)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(10), 0, 10, 0)
    t.equal(buffer.toString('utf8', 0, bytesRead), 'still here')
    await file.close()
    await t.rejects(stat(at('orphan')), { code: 'ENOENT' })
  })

  await t.test('a write far behind the end leaves zeros between', async t => {
    const file = await open(at('sparse'), 'w+')
    await file.write(Buffer.from('end'), 0, 3, 1_000_000)
    await file.close()
    const bytes = await readFile(at('sparse'))
    t.equal(bytes.length, 1_000_003)
    t.ok(bytes.subarray(0, 1_000_000).every(byte => byte === 0))
  })

  await t.test('a program on the mount can be run: scripts, and binaries through a memory map', async t => {
    await mkdir(at('bin'))
    await writeFile(at('bin/hello'), '#!/bin/sh\necho hello from the mount\n', { mode: 0o755 })
    t.match(await runToEnd(at('bin/hello'), []), { status: 0, output: 'hello from the mount\n' })
    await runToEnd('cp', ['/bin/true', at('bin/true')])
    t.match(await runToEnd(at('bin/true'), []), { status: 0 })
  })

  await t.test('locks keep processes of one mount apart', async t => {
    await writeFile(at('locked'), '')
    const holder = runToEnd('flock', [at('locked'), 'sh', '-c', `flock -n '${at('locked')}' true; echo $?`])
    t.equal((await holder).output.trim(), '1', 'a second lock is refused while the first is held')
  })

  t.equal(complaints(), '', 'the server has nothing to complain about')
}
