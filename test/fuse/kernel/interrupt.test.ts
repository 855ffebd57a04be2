import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { mounted, runToEnd, whyNoMount } from './mounted.ts'

const skip = whyNoMount()
const EINTR = 4

if (skip !== undefined) {
  t.pass(skip, { skip })
} else {
  const { directories: [root = ''], process: server } = await mounted(t)

  await t.test('a process that waits for a silent cluster can be killed', async t => {
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      const child = spawn('cat', [path.join(root, 'hang')], { stdio: 'ignore' })
      const exited = once(child, 'exit')
      await once(child, 'spawn')
      // It has to be inside the request, or this proves nothing.
      while (!(await readFile(`/proc/${String(child.pid)}/wchan`, 'utf8').catch(() => '')).includes('request_wait_answer')
        && !/^State:\s+[DS]/m.test(await readFile(`/proc/${String(child.pid)}/status`, 'utf8'))) await sleep(5)
      await sleep(50)
      t.equal(child.exitCode, null, 'it waits')
      child.kill(signal)
      t.strictSame(await exited, [null, signal])
    }
  })

  await t.test('a process that handles its signal hears EINTR where the cluster stays silent', async t => {
    const { output } = await runToEnd('perl',
      ['-e', '$SIG{ALRM} = sub {}; alarm 1; stat($ARGV[0]); print $! + 0', path.join(root, 'hang')])
    t.equal(Number(output), EINTR)
  })

  await t.test('the mount goes on serving all others meanwhile', async t => {
    await writeFile(path.join(root, 'file'), 'x')
    t.equal(await readFile(path.join(root, 'file'), 'utf8'), 'x')
    t.equal(server.exitCode, null)
  })
}
