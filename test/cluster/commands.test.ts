import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { Cluster, mounting, must, run, start } from './harness.ts'

/** Each with what it cannot do without. */
const commands = {
  'dfs': [], 'dfs-master': ['--data', '/tmp/x'], 'dfs-chunkserver': ['--data', '/tmp/x', '--master', 'localhost:1'], 'dfs-mount': [],
}

t.test('every command explains itself', async t => {
  const { version } = JSON.parse(await must('cat', ['package.json'])) as { version: string }
  for (const [command, needed] of Object.entries(commands)) {
    t.match(await must(`bin/${command}`, ['--help']), /Usage: /, `${command} --help`)
    t.match(await must(`bin/${command}`, ['--version']), version, `${command} --version`)
    const { code, stderr } = await run(`bin/${command}`, [...needed, '--no-such-option'])
    t.ok(code !== 0 && stderr.includes('--no-such-option'), `${command} refuses what it does not know, by name`)
  }
})

t.test('daemons that cannot start say why', async t => {
  const cluster = await Cluster.up({ options: ['--no-mount'] })
  const other = await Cluster.up({ chunkservers: 1, options: ['--no-mount'] })
  const folder = mkdtempSync(path.join(os.tmpdir(), 'dfs-commands-'))
  t.teardown(async () => {
    rmSync(folder, { recursive: true, force: true })
    await Promise.all([cluster.down(), other.down()])
  })
  const master = cluster.process('master')
  const server = cluster.process('chunkserver-1')
  const refused = async (what: string, command: string, args: string[], said: RegExp): Promise<void> => {
    const { code, stderr } = await run(`bin/${command}`, args, { timeoutMs: 60_000 })
    t.not(code, 0, `${what}: exits with an error`)
    t.match(stderr, said, `${what}: says what`)
  }
  await refused('port taken', 'dfs-master', ['--data', `${folder}/m`, '--listen', master.address], /EADDRINUSE|in use/)
  await refused('two masters on one folder', 'dfs-master', ['--data', master.data, '--listen', '127.0.0.1:0'], /another|already|in use/i)
  await refused('two chunkservers on one folder', 'dfs-chunkserver',
    ['--data', server.data, '--master', master.address], /another|already|in use/i)
  await cluster.kill('chunkserver-1', 'SIGTERM')
  await refused('folder of another cluster', 'dfs-chunkserver',
    ['--data', server.data, '--master', other.master()], /cluster/)
  writeFileSync(`${folder}/file`, '')
  await refused('data folder is a file', 'dfs-master', ['--data', `${folder}/file`], /file/)

  t.test('dfs-mount too', mounting, async () => {
    await refused('no master there', 'dfs-mount', ['127.0.0.1:1', folder], /127\.0\.0\.1:1/)
    await refused('no mount point', 'dfs-mount', [master.address, `${folder}/missing`], /missing/)
    await refused('mount point is a file', 'dfs-mount', [master.address, `${folder}/file`], /directory/i)
  })
})

t.test('a daemon ends cleanly on SIGTERM, with exit code 0', async t => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'dfs-commands-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const { child, ended } = start('bin/dfs-master', ['--data', folder, '--listen', '127.0.0.1:0'])
  await new Promise<void>(resolve => {
    child.stderr?.on('data', (chunk: Buffer) => { if (chunk.includes('is up')) resolve() })
  })
  child.kill('SIGTERM')
  t.equal((await ended).code, 0)
})

t.test('the dfs command works on files, with a mount or without', mounting, async t => {
  const cluster = await Cluster.up()
  const folder = mkdtempSync(path.join(os.tmpdir(), 'dfs-commands-'))
  t.teardown(async () => {
    rmSync(folder, { recursive: true, force: true })
    await cluster.down()
  })
  const at = ['--master', cluster.master()]
  await must('bin/dfs', ['mkdir', ...at, '/dir'])
  await must('bin/dfs', ['put', ...at, '-r', 'src/protocol', '/dir'])
  t.match(await must('bin/dfs', ['ls', ...at, '/dir/protocol']), 'wire.ts')
  await must('bin/dfs', ['get', ...at, '-r', '/dir/protocol', folder])
  await must('diff', ['-r', 'src/protocol', `${folder}/protocol`])
  await must('diff', ['-r', 'src/protocol', `${cluster.mount}/dir/protocol`])
  t.equal(await must('bin/dfs', ['cat', `${cluster.mount}/dir/protocol/wire.ts`]), await must('cat', ['src/protocol/wire.ts']),
    'a path under a mount tells where the master is')
  await must('bin/dfs', ['mv', ...at, '/dir/protocol/wire.ts', '/dir/moved.ts'])
  t.match(JSON.parse(await must('bin/dfs', ['stat', '--json', ...at, '/dir/moved.ts'])), { type: 'file' })
  await must('bin/dfs', ['rm', ...at, '-r', '/dir'])
  const missing = await run('bin/dfs', ['cat', ...at, '/dir/moved.ts'])
  t.equal(missing.code, 1)
  t.match(missing.stderr, 'No such file or directory')
  t.match(JSON.parse(await must('bin/dfs', ['status', '--json', ...at])), { servers: [{}, {}, {}] })
  t.match(await must('bin/dfs', ['status', ...at]), /live/)
  t.match(await must('bin/dfs', ['df', ...at]), /\d/)
})
