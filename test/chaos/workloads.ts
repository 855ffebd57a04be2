import path from 'node:path'
import type { Cluster } from '../cluster/harness.ts'
import { Ledger } from '../cluster/ledger.ts'
import { repeatedly, type Repeated } from './repeatedly.ts'

export interface Workload {
  name: string
  ledger?: Ledger
  repeated?: Repeated
}

/** What people do all day, each verifying itself: writers with a ledger, fio, copies of trees, a storm of names. */
export function everyday(cluster: Cluster, seed: number): Workload[] {
  const { mount, folder } = cluster
  return [
    ...[1, 2].map((number): Workload => ({
      name: `ledger-${String(number)}`,
      ledger: new Ledger(path.join(mount, `ledger-${String(number)}`), path.join(folder, `ledger-${String(number)}.log`), seed + number),
    })),
    { name: 'fio', repeated: repeatedly(`mkdir -p ${mount}/fio && fio --name=chaos --directory=${mount}/fio --rw=randrw --bs=32k --size=8m`
      + ' --fsync=16 --verify=crc32c --verify_fatal=1 --verify_state_save=0 --rate=1m --thread --minimal --allow_file_create=1 && rm -rf ' + mount + '/fio') },
    { name: 'cp -a', repeated: repeatedly(
      `rm -rf ${mount}/copy && cp -a src ${mount}/copy && diff -r src ${mount}/copy && mv ${mount}/copy ${mount}/moved && rm -rf ${mount}/moved`) },
  ]
}

/** More than the disks can take: 16 writers, 16 readers that verify, and a storm of names. */
export function overload(cluster: Cluster, seed: number): Workload[] {
  const { mount } = cluster
  const each = (name: string, count: number, script: (number: number) => string): Workload[] =>
    Array.from({ length: count }, (_, number) => ({ name: `${name}-${String(number)}`, repeated: repeatedly(script(number)) }))
  return [
    ...everyday(cluster, seed).slice(0, 1),
    ...each('writer', 16, number =>
      `dd if=/dev/zero of=${mount}/w-${String(number)} bs=1M count=16 conv=fsync status=none`),
    ...each('reader', 16, number => {
      const file = `${mount}/r-${String(number)}`
      return `[ -e ${file} ] || { head -c 8000000 /dev/urandom > ${file}; sha256sum < ${file} > /tmp/${path.basename(cluster.folder)}-${String(number)}; };`
        + ` sha256sum < ${file} | cmp - /tmp/${path.basename(cluster.folder)}-${String(number)}`
    }),
    ...each('names', 2, number =>
      `mkdir -p ${mount}/n-${String(number)} && for i in $(seq 200); do echo $i > ${mount}/n-${String(number)}/$i; done && rm -r ${mount}/n-${String(number)}`),
  ]
}
