import t from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { ROOT_INODE } from '../../src/protocol/identifiers.ts'
import type { Name } from '../../src/protocol/names.ts'
import { superuser } from '../../src/protocol/attributes.ts'
import { systemClock } from '../../src/seams/clock.ts'
import { folder } from '../../src/seams/folder.ts'
import { silentLog } from '../../src/seams/log.ts'
import { MasterCore } from '../../src/master/core.ts'
import { readDirectory } from '../../src/master/namespace/read.ts'
import { Fixture, fixture } from './core-fixture.ts'

const names = (f: Fixture): string[] =>
  f.core.state.entriesOf(ROOT_INODE, undefined, 100_000).map(({ name }) => name)

t.test('everything answered survives the death of the process and a power cut', async t => {
  for (const how of ['process', 'power'] as const) {
    const f = await fixture(t, 7)
    await Promise.all(Array.from({ length: 50 }, (_, at) => f.directory(`d${at}`)))
    const inode = await f.fileWithChunks('file', [0, 2])
    const before = [...f.core.state.eachChunk()]
    const totals = [f.core.state.inodeCount, f.core.state.chunkCount, f.core.state.appliedIndex]
    await f.crash(how)
    t.equal(names(f).length, 51)
    t.same([...f.core.state.eachChunk()], before)
    t.equal(f.core.state.inode(inode)?.sizeBytes, 3 * 65_536)
    t.same([f.core.state.inodeCount, f.core.state.chunkCount, f.core.state.appliedIndex], totals)
  }
})

t.test('a crash at any call of the disk, with checkpoints on the way, loses nothing answered and invents nothing', async t => {
  let crashes = 0
  let checkpoints = 0
  for (let calls = 1; ; calls += calls < 50 ? 1 : 4) {
    const f = new Fixture(calls)
    // Little journal between checkpoints, so that many steps of them are hit.
    const options = { checkpointBytes: 1_000 }
    await f.open(options)
    const attempted = new Set<string>()
    const answered = new Set<string>()
    f.disk.crashAfter(calls)
    for (let at = 0; at < 24 && !f.disk.crashed; at++) {
      const several = [`a${at}`, `b${at}`]
      for (const name of several) attempted.add(name)
      await Promise.all(several.map(async name => {
        try {
          await f.directory(name)
          answered.add(name)
        } catch {
          // Its outcome is unknown.
        }
      }))
    }
    const crashed = f.disk.crashed
    if (crashed) crashes++
    else f.disk.crashAfter(Infinity)
    await f.crash(crashes % 2 === 0 ? 'process' : 'power', options)
    checkpoints += readdirSync(path.join(f.folder, 'state')).filter(name => name.startsWith('checkpoint-')).length
    const found = new Set(names(f))
    for (const name of answered) t.ok(found.has(name), `crash ${calls}: ${name} was answered`)
    for (const name of found) t.ok(attempted.has(name), `crash ${calls}: ${name} was asked for`)
    t.equal(f.core.state.inode(ROOT_INODE)?.links, 2 + found.size, `crash ${calls}: links agree with entries`)
    await f.directory('after')
    // And once more, behind what recovery itself has written.
    await f.crash('power', options)
    t.ok(f.at('after'))
    await f.remove()
    if (!crashed) break
  }
  t.ok(crashes > 50, `${crashes} crashes`)
  t.ok(checkpoints > 10, `${checkpoints} checkpoints were used`)
})

t.test('a crash at any call of the disk during recovery is survived by the next start', async t => {
  let crashes = 0
  for (let calls = 1; ; calls++) {
    const f = new Fixture(calls)
    await f.open({ checkpointBytes: 1_000 })
    for (let at = 0; at < 20; at++) await f.directory(`d${at}`)
    await f.core.abandon()
    f.disk.powerCut()
    f.disk.crashAfter(calls)
    const opened = await f.open().then(() => true, () => false)
    if (!opened) crashes++
    f.disk.crashAfter(Infinity)
    await f.crash(calls % 2 === 0 ? 'process' : 'power')
    t.equal(names(f).length, 20, `crash ${calls}`)
    await f.remove()
    if (opened) break
  }
  t.ok(crashes > 5, `${crashes} crashes`)
})

t.test('a checkpoint lets the journal before it go', async t => {
  const f = new Fixture()
  t.teardown(() => f.remove())
  await f.open({ checkpointBytes: 2_000 })
  for (let at = 0; at < 100; at++) await f.directory(`d${at}`)
  t.ok(f.disk.list('journal').length <= 2, 'old segments are gone')
  t.ok(f.core.journalBytes < 4_000)
  await f.crash('power', { checkpointBytes: 2_000 })
  t.equal(names(f).length, 100)
})

t.test('a checkpoint made by another thread serves as well', async t => {
  const f = new Fixture()
  t.teardown(() => f.remove())
  const options = { checkpointBytes: 2_000, copying: 'background' as const }
  await f.open(options)
  for (let at = 0; at < 300; at++) await f.directory(`d${at}`)
  await f.core.close()
  const [checkpoint] = readdirSync(path.join(f.folder, 'state')).filter(name => /^checkpoint-\d+\.mdb$/.test(name))
  t.ok(checkpoint, 'one was made')
  // Unclean from here on: the state must come from the checkpoint.
  await f.open(options)
  await f.directory('last')
  await f.crash('power', options)
  t.equal(names(f).length, 301)
})

t.test('a state that is lost is rebuilt from checkpoint and journal; a lost checkpoint is named', async t => {
  const f = new Fixture()
  t.teardown(() => f.remove())
  const options = { checkpointBytes: 2_000 }
  await f.open(options)
  for (let at = 0; at < 60; at++) await f.directory(`d${at}`)
  await f.core.close()
  const folder = path.join(f.folder, 'state')
  rmSync(path.join(folder, 'state.mdb'))
  await f.open(options)
  t.equal(names(f).length, 60)
  await f.core.close()
  for (const name of readdirSync(folder)) rmSync(path.join(folder, name))
  await t.rejects(f.open(options), { code: 'journal-failed', message: /checkpoint-\d+\.mdb/ })
})

t.test('a journal without its beginning is no journal', async t => {
  const f = await fixture(t)
  await f.directory('a')
  await f.core.abandon()
  f.disk.powerCut()
  for (const name of f.disk.list('journal')) f.disk.remove(`journal/${name}`)
  f.disk.open('journal/journal-0000000000000009', 'create').close()
  await t.rejects(f.open(), { code: 'journal-failed' })
})

t.test('kill -9 under load: what was answered is there', { timeout: 60_000 }, async t => {
  const data = mkdtempSync(path.join(os.tmpdir(), 'dfs-core-kill-'))
  t.teardown(() => { rmSync(data, { recursive: true, force: true }) })
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'kill-child.ts'), data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const answered: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    answered.push(line)
    if (answered.length === 2_000) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  t.equal(child.signalCode, 'SIGKILL')
  t.ok(answered.length >= 2_000)
  const core = await MasterCore.open({
    disk: folder(data), clock: systemClock, log: silentLog, lmdbPath: data,
    config: { chunkSizeBytes: 65_536, sessionTimeoutMs: 60_000, trashMs: 0 },
  })
  const found = new Set<string>()
  for (let after: Name | undefined; ;) {
    const page = readDirectory(core.state, { inode: ROOT_INODE, after, limit: 1_000, caller: superuser })
    for (const { name } of page.entries) found.add(name)
    after = page.entries.at(-1)?.name
    if (page.complete) break
  }
  t.strictSame(answered.filter(name => !found.has(name)), [])
  t.equal(core.state.inode(ROOT_INODE)?.links, 2 + found.size)
  await core.close()
})
