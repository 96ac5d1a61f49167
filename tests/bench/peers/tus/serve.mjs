// @tus/server on files: node serve.mjs PORT FOLDER SYNCED
// With `synced` a file is on disk when its last PATCH is answered; by itself it is not.
import { open } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'

const [port, directory, synced] = process.argv.slice(2)

async function onUploadFinish(_, upload) {
  const file = await open(join(directory, upload.id))
  await file.sync()
  await file.close()
  return {}
}

const server = new Server({
  path: '/files',
  datastore: new FileStore({ directory }),
  ...(synced && { onUploadFinish }),
})
createServer((request, response) => server.handle(request, response)).listen(Number(port), '127.0.0.1')
