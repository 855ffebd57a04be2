import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { z } from 'zod'

const status = z.object({ servers: z.array(z.object({ state: z.string() })) })

/** How many chunkservers the master at an address counts as live; none while it does not answer. */
export async function registeredServers(address: string): Promise<number> {
  const child = spawn(join(import.meta.dirname, '../../bin/dfs'), ['status', '--master', address, '--json'],
    { stdio: ['ignore', 'pipe', 'ignore'], timeout: 20_000 })
  let output = ''
  child.stdout.on('data', (text: Buffer) => { output += text.toString() })
  await new Promise<void>(resolve => {
    child.on('error', () => { resolve() })
    child.on('close', () => { resolve() })
  })
  try {
    return status.parse(JSON.parse(output)).servers.filter(server => server.state === 'live').length
  } catch {
    return 0
  }
}
