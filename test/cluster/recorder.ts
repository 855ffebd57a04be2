// Writes, syncs and closes files in the folder given until SIGTERM; prints `NAME SHA256` of each one when that is done.
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'

const folder = process.argv[2] ?? '.'
process.on('SIGTERM', () => process.exit(0))
for (let number = 1; ; number++) {
  const data = randomBytes(1 + (number * 7_919) % 200_000)
  const name = `file-${String(number)}`
  const file = openSync(path.join(folder, name), 'w')
  for (let at = 0; at < data.length;) at += writeSync(file, data, at, Math.min(50_000, data.length - at))
  fsyncSync(file)
  closeSync(file)
  process.stdout.write(`${name} ${createHash('sha256').update(data).digest('hex')}\n`)
  await new Promise(resolve => { setImmediate(resolve) })
}
