import { DialError, type Connection, type Listener, type Network } from '../seams/network.ts'
import { DiskError, type Disk } from '../seams/disk.ts'

const FILE = 'address'

/**
 * Listens; with port 0 at the port of the last run where that is still free, so that what others remember stays true.
 * @throws DialError the address cannot be bound
 */
export async function listenAgain(
  { network, disk }: { network: Network, disk: Disk }, wanted: string, onConnection: (connection: Connection) => void,
): Promise<Listener> {
  const before = lastAddress(disk)
  const host = wanted.slice(0, wanted.lastIndexOf(':'))
  if (!wanted.endsWith(':0') || before?.startsWith(`${host}:`) !== true) {
    return remembered(disk, await network.listen(wanted, onConnection))
  }
  try {
    return await network.listen(before, onConnection)
  } catch (error) {
    if (!(error instanceof DialError)) throw error
    return remembered(disk, await network.listen(wanted, onConnection))
  }
}

function remembered(disk: Disk, listener: Listener): Listener {
  const file = disk.open(FILE, 'create')
  try {
    const text = Buffer.from(`${listener.address}\n`)
    file.writeNow(text, 0)
    file.truncateNow(text.length)
  } finally {
    file.close()
  }
  return listener
}

/** Not synced when it was written, and of little worth: whatever does not look like an address is forgotten. */
function lastAddress(disk: Disk): string | undefined {
  try {
    const file = disk.open(FILE, 'existing')
    try {
      const bytes = Buffer.alloc(Math.min(file.sizeBytes(), 300))
      file.readNow(bytes, 0)
      return /^(.+:[1-9]\d{0,4})\n$/.exec(bytes.toString('latin1'))?.[1]
    } finally {
      file.close()
    }
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return undefined
    throw error
  }
}
