import { z } from 'zod'
import { DfsError } from '../../protocol/errors.ts'
import { clusterId, serverId, type ClusterId, type ServerId } from '../../protocol/identifiers.ts'
import { DiskError, type Disk } from '../../seams/disk.ts'
import type { Random } from '../../seams/random.ts'
import { storeError } from './fault.ts'

const FILE = 'identity.json'
const FORMAT = 1

const contents = z.object({ format: z.literal(FORMAT), server: serverId, cluster: clusterId.optional() })

/** Who the server of this folder is, for ever, and to which cluster its replicas belong. */
export class Identity {
  readonly server: ServerId
  readonly #disk: Disk
  #cluster: ClusterId | undefined

  /** @internal use {@link openIdentity} */
  constructor(disk: Disk, server: ServerId, cluster: ClusterId | undefined) {
    this.#disk = disk
    this.server = server
    this.#cluster = cluster
  }

  /** Unknown until the first master was met. */
  get cluster(): ClusterId | undefined {
    return this.#cluster
  }

  /** Makes the folder a part of the cluster, for ever. @throws DfsError 'wrong-cluster' it is of another one */
  async join(cluster: ClusterId): Promise<void> {
    if (this.#cluster === cluster) return
    if (this.#cluster !== undefined) {
      throw new DfsError('wrong-cluster', `this folder holds replicas of cluster ${this.#cluster}, not of ${cluster}`)
    }
    this.#cluster = cluster
    try {
      await this.save()
    } catch (error) {
      this.#cluster = undefined
      throw storeError(error)
    }
  }

  /** Makes it durable. @internal */
  async save(): Promise<void> {
    const temporary = `${FILE}.new`
    this.#disk.remove(temporary)
    const file = this.#disk.open(temporary, 'create')
    try {
      const text = JSON.stringify({ format: FORMAT, server: this.server, cluster: this.#cluster })
      file.writeNow(Buffer.from(`${text}\n`), 0)
      await file.sync()
    } finally {
      file.close()
    }
    this.#disk.rename(temporary, FILE)
    await this.#disk.syncFolder('.')
  }
}

/** Reads the folder's identity; draws one at its first use. @throws DfsError 'invalid' the file makes no sense */
export async function openIdentity({ disk, random }: { disk: Disk, random: Random }): Promise<Identity> {
  try {
    const found = read(disk)
    if (found !== undefined) return new Identity(disk, found.server, found.cluster)
    const identity = new Identity(disk, random.identifier() as ServerId, undefined)
    await identity.save()
    return identity
  } catch (error) {
    throw storeError(error)
  }
}

function read(disk: Disk): z.infer<typeof contents> | undefined {
  let bytes: Buffer
  try {
    const file = disk.open(FILE, 'existing')
    bytes = Buffer.alloc(file.sizeBytes())
    file.readNow(bytes, 0)
    file.close()
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return undefined
    throw error
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(bytes.toString('utf8'))
  } catch {
    parsed = undefined
  }
  const checked = contents.safeParse(parsed)
  if (!checked.success) throw new DfsError('invalid', `${FILE} is not the identity of a chunkserver of this version`)
  return checked.data
}
