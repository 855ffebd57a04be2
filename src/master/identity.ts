import { z } from 'zod'
import { clusterId, type ClusterId } from '../protocol/identifiers.ts'
import type { Disk } from '../seams/disk.ts'
import type { Random } from '../seams/random.ts'
import { readJson, writeJson } from './small-file.ts'

const FILE = 'identity.json'
const format = z.object({ format: z.literal(1), cluster: clusterId })

/** The cluster's id, drawn when a data folder is first used. */
export async function clusterIdentity({ disk, random }: { disk: Disk, random: Random }): Promise<ClusterId> {
  const known = readJson(disk, FILE, format)
  if (known !== undefined) return known.cluster
  const cluster = clusterId.parse(uuid(random.bytes(16)))
  await writeJson(disk, FILE, { format: 1, cluster })
  return cluster
}

/** A random UUID (RFC 9562, version 4) of these bytes. */
function uuid(bytes: Buffer): string {
  bytes.writeUInt8(bytes.readUInt8(6) & 0x0f | 0x40, 6)
  bytes.writeUInt8(bytes.readUInt8(8) & 0x3f | 0x80, 8)
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
