import { appendFile, chmod, open, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { mounted, whyNoMount } from './mounted.ts'

const skip = whyNoMount()
const CACHE_MS = 200

if (skip !== undefined) {
  t.pass(skip, { skip })
} else {
  const { directories: [one = '', other = ''], complaints } = await mounted(t, { count: 2, cacheMs: CACHE_MS })

  /** Tries until it is so; the test's own deadline ends what never becomes so. */
  const eventually = async (check: () => Promise<boolean>): Promise<void> => {
    while (!await check()) await sleep(10)
  }

  await t.test('what one mount closed, the other reads at once', async t => {
    const mine = path.join(one, 'file')
    const theirs = path.join(other, 'file')
    // Each round meets a kernel that remembers attributes and pages of the round before.
    for (const text of ['first', 'a longer second', 'short', 'longer again than all before', 'same size 1', 'same size 2']) {
      await writeFile(mine, text)
      t.equal(await readFile(theirs, 'utf8'), text)
    }
    for (let length = 1; length < 20; length++) {
      await appendFile(length % 2 === 0 ? mine : theirs, 'x')
      t.equal((await readFile(length % 2 === 0 ? theirs : mine)).length, 11 + length, 'and appended bytes')
    }
  })

  await t.test('a file that stays open shows what others appended, never zeros in its place', async t => {
    const mine = path.join(one, 'tailed')
    await writeFile(mine, 'a'.repeat(100))
    const reader = await open(path.join(other, 'tailed'))
    t.equal((await reader.read(Buffer.alloc(200), 0, 200, 0)).bytesRead, 100)
    await appendFile(mine, 'b'.repeat(50))
    await eventually(async () => (await reader.stat()).size === 150)
    const { buffer, bytesRead } = await reader.read(Buffer.alloc(200), 0, 200, 0)
    t.equal(buffer.toString('latin1', 0, bytesRead), 'a'.repeat(100) + 'b'.repeat(50))
    await reader.close()
  })

  await t.test('a file that stays open shows what others wrote over it, once its attributes are looked at', async t => {
    const mine = path.join(one, 'rewritten')
    await writeFile(mine, 'old')
    const reader = await open(path.join(other, 'rewritten'))
    t.equal((await reader.read(Buffer.alloc(3), 0, 3, 0)).buffer.toString(), 'old')
    const writer = await open(mine, 'r+')
    await writer.write('new')
    await writer.close()
    await eventually(async () => {
      await reader.stat()
      return (await reader.read(Buffer.alloc(3), 0, 3, 0)).buffer.toString() === 'new'
    })
    t.pass('it does')
    await reader.close()
  })

  await t.test('rename, unlink and chmod by one are seen by the other within the cache time', async t => {
    const mine = path.join(one, 'seen')
    const theirs = path.join(other, 'seen')
    await writeFile(mine, '')
    await stat(theirs)
    await chmod(mine, 0o600)
    await eventually(async () => ((await stat(theirs)).mode & 0o777) === 0o600)
    await rename(mine, path.join(one, 'seen-elsewhere'))
    await eventually(() => stat(theirs).then(() => false, () => true))
    t.ok(await stat(path.join(other, 'seen-elsewhere')))
    await unlink(path.join(other, 'seen-elsewhere'))
    await eventually(() => stat(path.join(one, 'seen-elsewhere')).then(() => false, () => true))
    await t.rejects(readFile(mine), { code: 'ENOENT' })
  })

  await t.test('two mounts that append to one log lose nothing', async t => {
    const handles = await Promise.all([open(path.join(one, 'log'), 'a'), open(path.join(other, 'log'), 'a')])
    for (let line = 0; line < 50; line++) {
      await Promise.all(handles.map((handle, who) => handle.write(`${String(who)}:${String(line)}\n`)))
    }
    await Promise.all(handles.map(handle => handle.close()))
    const lines = (await readFile(path.join(one, 'log'), 'utf8')).trim().split('\n')
    t.equal(new Set(lines).size, 100)
    t.equal(lines.length, 100)
  })

  t.equal(complaints(), '', 'the server has nothing to complain about')
}
