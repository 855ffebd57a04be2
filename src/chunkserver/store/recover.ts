import { limits } from '../../protocol/limits.ts'
import type { Disk } from '../../seams/disk.ts'
import { recompute } from './blocks.ts'
import { encodeHeader, type Header } from './header.ts'
import type { ReplicaNames } from './names.ts'
import { Section } from './section.ts'
import { blocksIn, dataStart, Table } from './table.ts'

/**
 * Makes bytes and table of a replica agree that was left dirty, and returns its new header, which stays dirty, or becomes clean.
 *
 * After a crash of the process the operating system still has every write, so that only the mutation under way can have
 * left blocks without their checksums: those are taken as they are, and whatever else does not match is rot. After a
 * power cut any page written since the last sync may be old or new: the whole table is made anew, and the replica is
 * doubtful. Not so one that was settling, where length, table and bytes are what its header says: all of it was there when
 * the header was written, and nothing was changed before another header was on the disk.
 * Either way this can be broken off and done again.
 */
export async function recover(disk: Disk, names: ReplicaNames, header: Header): Promise<Header> {
  const bootId = disk.bootId()
  const powerCut = header.bootId !== bootId
  const file = disk.open(names.file, 'existing')
  try {
    const data = new Section(file, dataStart(header.origin))
    const lengthBytes = data.sizeBytes()
    const blocks = blocksIn(lengthBytes)
    const fromBlock = powerCut ? 0 : Math.floor(header.pending.from / limits.blockBytes)
    const toBlock = powerCut ? blocks : blocksIn(Math.min(header.pending.to, lengthBytes))
    const table = Table.readNow(file, blocks)
    const tableSettled = lengthBytes === header.lengthBytes && table.digest(blocks) === header.digest
    if (header.state !== 'corrupt') {
      await recompute({ data, table, lengthBytes }, fromBlock, toBlock)
      table.writeNow(file, fromBlock, toBlock)
    }
    const settled = powerCut && header.mark === 'settling' && tableSettled && table.digest(blocks) === header.digest
    const mark = settled ? 'clean' : 'dirty'
    const state = powerCut && !settled && header.state === 'good' ? 'doubtful' : header.state
    const recovered: Header = { ...header, lengthBytes, state, mark, bootId, pending: { from: 0, to: 0 } }
    // Last: a crash before this does all of it again.
    file.writeNow(encodeHeader(recovered), 0)
    return recovered
  } finally {
    file.close()
  }
}
