import { z } from 'zod'
import { must, type Cluster } from './harness.ts'

const info = z.object({ chunks: z.array(z.object({
  primary: z.number().optional(), replicas: z.array(z.object({ server: z.number(), address: z.string() })),
})) })

/** The name of the chunkserver that plays a part for the first chunk of a file. */
export async function replicasOf(cluster: Cluster, path: string, part: 'primary' | 'secondary' | 'nearest'): Promise<string> {
  const printed = await must('bin/dfs', ['info', path, '--json', '--no-verify'])
  const [chunk] = info.parse(JSON.parse(printed)).chunks
  if (chunk === undefined) throw new Error(`${path} has no chunk`)
  const { primary, replicas } = chunk
  const found = part === 'nearest' ? replicas[0] : replicas.find(({ server }) => (server === primary) === (part === 'primary'))
  const name = cluster.processes().find(({ address }) => address === found?.address)?.name
  if (name === undefined) throw new Error(`${path} has no ${part}: ${printed}`)
  return name
}
