// Send a file by tus-js-client in Node: node send.mjs ENDPOINT FILE URLS CHUNK
// URLS is a file that keeps what was begun; an upload of the same file is resumed from there.
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import * as tus from 'tus-js-client'

const [endpoint, path, urls, chunk] = process.argv.slice(2)
const upload = new tus.Upload(createReadStream(path), {
  endpoint,
  chunkSize: chunk === 'whole' ? Number.POSITIVE_INFINITY : Number(chunk),
  retryDelays: null,
  metadata: { filename: basename(path), filetype: 'audio/wav' },
  urlStorage: new tus.FileUrlStorage(urls),
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: () => console.log(upload.url),
})
const [known] = await upload.findPreviousUploads()
if (known) upload.resumeFromPreviousUpload(known)
upload.start()
