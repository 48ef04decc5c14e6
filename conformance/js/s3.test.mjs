// S3 by the AWS SDK for JavaScript v3: chunked bodies with trailers, streams, parts, presigned URLs.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import test from 'node:test'

const require = createRequire(process.env.LAMBENT_NODE_CLIENTS + '/')
const {
  CreateBucketCommand, DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, NoSuchKey,
  PutObjectCommand, S3Client, paginateListObjectsV2
} = require('@aws-sdk/client-s3')
const { Upload } = require('@aws-sdk/lib-storage')
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner')

const Bucket = 'javascript-bucket'
const s3 = new S3Client({ forcePathStyle: true, maxAttempts: 1 })
await s3.send(new CreateBucketCommand({ Bucket }))

test('an object comes back', async () => {
  const put = await s3.send(new PutObjectCommand({ Bucket, Key: 'a b/ü', Body: 'hello', Metadata: { colour: 'blue' } }))
  assert.equal(put.ETag, '"5d41402abc4b2a76b9719d911017c592"')
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'a b/ü' }))
  assert.equal(await got.Body.transformToString(), 'hello')
  assert.deepEqual(got.Metadata, { colour: 'blue' })
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'a b/ü' }))
  await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: 'a b/ü' })), NoSuchKey)
})

test('a stream is sent in chunks with a trailer', async () => {
  const body = randomBytes(3_000_000)
  const pieces = []
  for (let at = 0; at < body.length; at += 70_000) pieces.push(body.subarray(at, at + 70_000))
  await s3.send(new PutObjectCommand({ Bucket, Key: 'stream', Body: Readable.from(pieces), ContentLength: body.length }))
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'stream' }))
  assert.ok(body.equals(Buffer.from(await got.Body.transformToByteArray())))
})

test('a stream of unknown length is uploaded in parts', async () => {
  const body = randomBytes(17_000_000)
  const upload = new Upload({ client: s3, params: { Bucket, Key: 'parts', Body: Readable.from([body]) } })
  const done = await upload.done()
  assert.match(done.ETag, /-4"$/)
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'parts' }))
  assert.equal(head.ContentLength, body.length)
  const range = await s3.send(new GetObjectCommand({ Bucket, Key: 'parts', Range: 'bytes=5242870-5242890' }))
  assert.ok(body.subarray(5242870, 5242891).equals(Buffer.from(await range.Body.transformToByteArray())))
})

test('lists page', async () => {
  for (let number = 0; number < 5; number++) {
    await s3.send(new PutObjectCommand({ Bucket, Key: `list/${number}`, Body: '' }))
  }
  const keys = []
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 2 }, { Bucket, Prefix: 'list/' })) {
    keys.push(...page.Contents.map(object => object.Key))
  }
  assert.deepEqual(keys, ['list/0', 'list/1', 'list/2', 'list/3', 'list/4'])
  const rolled = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: '/' }))
  assert.deepEqual(rolled.CommonPrefixes, [{ Prefix: 'list/' }])
})

test('presigned URLs', async () => {
  const url = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: 'by-url' }))
  assert.equal((await fetch(url, { method: 'PUT', body: 'by url' })).status, 200)
  const read = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'by-url' }))
  assert.equal(await (await fetch(read)).text(), 'by url')
})
