import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { Cluster, dropCaches, mounting, must, run, shell, start } from './harness.ts'
import { Ledger } from './ledger.ts'

t.test('when few chunkservers are left, or none', mounting, async t => {
  const cluster = await Cluster.up({ options: ['--chunk-size', '1MiB'] })
  t.teardown(() => cluster.down())
  const { mount, folder } = cluster
  const log = path.join(folder, 'impatient.log')
  const impatient = await cluster.mountAgain(['-o', `patience=5,log=${log}`])
  const writing = new Ledger(path.join(mount, 'ledger'), path.join(folder, 'ledger'))
  t.teardown(() => writing.stop('SIGKILL'))
  await shell(`head -c 3000000 /dev/urandom > ${folder}/source && cp ${folder}/source ${mount}/before && sync ${mount}/before`)

  t.test('two of three are killed at once: writing goes on with the last one', async t => {
    await writing.more()
    await Promise.all([cluster.kill('chunkserver-1'), cluster.kill('chunkserver-2')])
    await writing.more()
    t.strictSame(writing.errors, [])
    t.ok(writing.longestPauseMs < 30_000, `the longest pause was ${String(writing.longestPauseMs)} ms`)
    await dropCaches()
    await must('cmp', [`${folder}/source`, `${mount}/before`])
  })

  t.test('the last one too: reads and writes wait, and go on without a remount when servers come back', async t => {
    await dropCaches()
    await cluster.kill('chunkserver-3')
    const reading = start('cmp', [path.join(folder, 'source'), path.join(mount, 'before')])
    await shell('sleep 3')
    t.equal(reading.child.exitCode, null, 'the read waits')

    const read = await run('cat', [path.join(impatient, 'before')])
    t.match(read, { code: 1, stderr: /Input\/output error/ }, 'where patience is shorter it fails')
    const write = await run('dd', ['if=/dev/zero', `of=${impatient}/never`, 'bs=1000', 'count=1', 'conv=fsync'])
    t.match(write, { code: 1, stderr: /Input\/output error/ }, 'and so does a write')
    const told = readFileSync(log, 'utf8').split('\n').filter(line => line.includes('a chunk cannot be read'))
    t.equal(told.length, 1, 'the kernel asks again after readahead that failed: that is not waited for once more')
    t.match(told[0], /"chunk":\d+,"servers":\["\d+ at \S+",/, 'whoever looks for the servers finds them in the log')

    await cluster.start()
    t.equal((await run('cmp', [path.join(folder, 'source'), path.join(impatient, 'before')])).code, 0, 'there, too, it goes on')
    t.strictSame(await reading.ended, { code: 0, stdout: '', stderr: '' })
    await writing.more()
    await writing.stop()
    t.strictSame(writing.errors, [])
    await dropCaches()
    t.match(await writing.check(), /"wrong":\[\]/)
  })
})
