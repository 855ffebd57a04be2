import { constants } from 'node:fs'
import { readFile, stat, statfs, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { mounted, runToEnd, whyNoMount } from './mounted.ts'
import { systemCall } from './system-calls.ts'

const skip = whyNoMount()
const errno = { ENOENT: 2, ENXIO: 6, EEXIST: 17, ENOTTY: 25, ERANGE: 34, ENODATA: 61, ENOTSUP: 95 } as const
const seek = { data: 3, hole: 4 } as const
const KiB = 1024

if (skip !== undefined) {
  t.pass(skip, { skip })
} else {
  const { directories: [root = ''], complaints } = await mounted(t)
  const at = (name: string): string => path.join(root, name)

  await t.test('extended attributes are set, read, listed and removed', async t => {
    await writeFile(at('x'), '')
    t.equal((await systemCall('setxattr', at('x'), 'user.colour', 'green', 5, 0)).errno, 0)
    const got = await systemCall('getxattr', at('x'), 'user.colour', { roomBytes: 10 }, 10)
    t.equal(got.result, 5)
    t.equal(got.rooms[0]?.toString('utf8', 0, 5), 'green')
    t.equal((await systemCall('getxattr', at('x'), 'user.colour', 0, 0)).result, 5, 'no room asks for the size')
    t.equal((await systemCall('getxattr', at('x'), 'user.colour', { roomBytes: 4 }, 4)).errno, errno.ERANGE)
    t.equal((await systemCall('setxattr', at('x'), 'user.colour', 'red', 3, 1)).errno, errno.EEXIST, 'XATTR_CREATE')
    t.equal((await systemCall('setxattr', at('x'), 'user.other', 'red', 3, 2)).errno, errno.ENODATA, 'XATTR_REPLACE')
    const list = await systemCall('listxattr', at('x'), { roomBytes: 100 }, 100)
    t.equal(list.rooms[0]?.toString('utf8', 0, list.result), 'user.colour\0')
    t.equal((await systemCall('listxattr', at('x'), { roomBytes: 3 }, 3)).errno, errno.ERANGE)
    t.equal((await systemCall('removexattr', at('x'), 'user.colour')).errno, 0)
    t.equal((await systemCall('getxattr', at('x'), 'user.colour', { roomBytes: 10 }, 10)).errno, errno.ENODATA)
  })

  await t.test('access control lists are refused, not swallowed', async t => {
    const refused = await systemCall('setxattr', at('x'), 'system.dfs_unknown', 'v', 1, 0)
    t.equal(refused.errno, errno.ENOTSUP)
  })

  await t.test('statfs tells the totals of the cluster', async t => {
    const { blocks, bsize, bfree } = await statfs(root)
    t.equal(blocks * bsize, 2 ** 40)
    t.equal(bfree * bsize, 2 ** 39)
  })

  await t.test('fallocate allocates, keeps sizes, punches holes and zeroes', async t => {
    await writeFile(at('f'), Buffer.alloc(64 * KiB, 'x'))
    const allocate = async (mode: number, offset: number, length: number): Promise<number> =>
      (await systemCall('fallocate', { open: at('f'), flags: constants.O_RDWR }, mode, offset, length)).errno
    t.equal(await allocate(0, 0, 80 * KiB), 0)
    t.equal((await stat(at('f'))).size, 80 * KiB)
    t.equal(await allocate(1, 0, 200 * KiB), 0)
    t.equal((await stat(at('f'))).size, 80 * KiB, 'kept')
    t.equal(await allocate(3, 4 * KiB, 8 * KiB), 0)
    t.equal(await allocate(16, 20 * KiB, 4 * KiB), 0)
    t.equal(await allocate(8, 0, 4 * KiB), errno.ENOTSUP, 'collapsing is not served')
    const bytes = await readFile(at('f'))
    const isZero = (from: number, to: number): boolean => bytes.subarray(from * KiB, to * KiB).every(byte => byte === 0)
    t.ok(isZero(4, 12) && isZero(20, 24) && isZero(64, 80), 'zeros where they were made')
    t.ok(bytes.subarray(0, 4 * KiB).every(byte => byte === 0x78), 'and nowhere else')
  })

  await t.test('lseek finds data and holes', async t => {
    const find = (offset: number, whence: number) =>
      systemCall('lseek', { open: at('f'), flags: constants.O_RDONLY }, offset, whence)
    t.equal((await find(0, seek.hole)).result, 4 * KiB)
    t.equal((await find(4 * KiB, seek.data)).result, 12 * KiB)
    t.equal((await find(70 * KiB, seek.data)).errno, errno.ENXIO)
    t.equal((await find(1000 * KiB, seek.hole)).errno, errno.ENXIO)
  })

  await t.test('copy_file_range copies, within one file system', async t => {
    const copied = await systemCall('copyFileRange',
      { open: at('f'), flags: constants.O_RDONLY }, 0, { open: at('g'), flags: constants.O_CREAT | constants.O_RDWR }, 0, 50_000, 0)
    t.equal(copied.result, 50_000)
    t.ok((await readFile(at('f'))).subarray(0, 50_000).equals(await readFile(at('g'))))
  })

  await t.test('ioctls are refused as on any file', async t => {
    const { status, output } = await runToEnd('perl',
      ['-e', 'open(F, "<", $ARGV[0]); my $b = "\\0" x 64; ioctl(F, 0x5401, $b); print $!+0', at('f')])
    t.equal(status, 0)
    t.equal(Number(output), errno.ENOTTY)
  })

  t.equal(complaints(), '', 'the server has nothing to complain about')
}
