import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'

/**
 * Below the range from which the kernel takes the near ends of outgoing connections (32768 and up, by default): a port
 * from there could be in use by any client just when its server comes back.
 */
const FIRST = 20_000
const LAST = 31_999

/** A TCP port of this machine that nobody listens at. */
export async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1))
    if (!taken.has(port) && await canListen(port)) return port
  }
  throw new Error(`no free port from ${String(FIRST)} to ${String(LAST)}`)
}

function canListen(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => { resolve(false) })
    server.listen(port, '127.0.0.1', () => { server.close(() => { resolve(true) }) })
  })
}

/**
 * Whether this very process listens at a port, in its network namespace. Looks in /proc instead of connecting, so that
 * servers are not disturbed by visitors who say nothing, and nobody else's server is taken for ours.
 */
export function listensAt(pid: number, port: number): boolean {
  try {
    const sockets = new Set(['tcp', 'tcp6'].flatMap(protocol =>
      readFileSync(`/proc/${String(pid)}/net/${protocol}`, 'utf8').split('\n').slice(1).flatMap(line => {
        const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
        return state === '0A' && Number.parseInt(local.split(':')[1] ?? '', 16) === port && inode !== undefined
          ? [`socket:[${inode}]`] : []
      })))
    const folder = `/proc/${String(pid)}/fd`
    return sockets.size > 0 && readdirSync(folder).some(fd => {
      try {
        return sockets.has(readlinkSync(`${folder}/${fd}`))
      } catch {
        return false // Closed since.
      }
    })
  } catch {
    return false // The process is gone.
  }
}
