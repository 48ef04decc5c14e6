// Response streaming with the AWS SDK for JavaScript v3, and a function's URL with Node's own HTTP client.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import { createRequire } from 'node:module'
import { test } from 'node:test'

const require = createRequire(process.env.LAMBENT_NODE_CLIENTS + '/')
const lambda = require('@aws-sdk/client-lambda')
const { CloudWatchLogsClient, CreateLogGroupCommand } = require('@aws-sdk/client-cloudwatch-logs')

const packages = JSON.parse(fs.readFileSync(process.env.PACKAGES, 'utf8'))
const client = new lambda.LambdaClient({ maxAttempts: 1 })
const logs = new CloudWatchLogsClient({ maxAttempts: 1 })
const soon = { client, maxWaitTime: 30, minDelay: 0.05, maxDelay: 0.2 }

const create = async (name, handler) => {
  await client.send(new lambda.CreateFunctionCommand({
    FunctionName: name, Runtime: 'nodejs22.x', Role: 'arn:aws:iam::000000000000:role/r', Handler: `app.${handler}`,
    Code: { ZipFile: Buffer.from(packages.streaming, 'base64') }, Timeout: 30, MemorySize: 1769,
  }))
  await lambda.waitUntilFunctionActiveV2(soon, { FunctionName: name })
}
const stream = (name, event) => client.send(new lambda.InvokeWithResponseStreamCommand({
  FunctionName: name, Payload: JSON.stringify(event ?? null), LogType: 'Tail',
}))

test('the first chunk comes while the function writes', async () => {
  await create('js-stream', 'waits')
  const answer = await stream('js-stream', { group: '/js/first' })
  assert.equal(answer.ExecutedVersion, '$LATEST')
  const pieces = []
  let complete
  for await (const event of answer.EventStream) {
    if (event.PayloadChunk) {
      pieces.push(Buffer.from(event.PayloadChunk.Payload).toString())
      // The function goes on only when this is there.
      if (pieces.length === 1) await logs.send(new CreateLogGroupCommand({ logGroupName: '/js/first' }))
    } else {
      complete = event.InvokeComplete
    }
  }
  assert.deepEqual(pieces, ['first ', 'second'])
  assert.equal(complete.ErrorCode, undefined)
  assert.match(Buffer.from(complete.LogResult, 'base64').toString(), /REPORT RequestId/)
})

test('a failure halfway is told at the end', async () => {
  await create('js-fails', 'failsLate')
  const events = []
  for await (const event of (await stream('js-fails')).EventStream) events.push(event)
  assert.equal(Buffer.from(events[0].PayloadChunk.Payload).toString(), 'some')
  const { ErrorCode, ErrorDetails } = events.at(-1).InvokeComplete
  assert.equal(ErrorCode, 'Unhandled')
  assert.equal(JSON.parse(ErrorDetails).errorMessage, 'halfway')
})

test('a URL streams', async () => {
  await create('js-url', 'waits')
  const made = await client.send(new lambda.CreateFunctionUrlConfigCommand({
    FunctionName: 'js-url', AuthType: 'NONE', InvokeMode: 'RESPONSE_STREAM',
  }))
  const { host } = new URL(made.FunctionUrl)
  const pieces = []
  await new Promise((resolve, reject) => {
    const call = http.request(process.env.AWS_ENDPOINT_URL, { headers: { host } }, (answer) => {
      assert.equal(answer.headers['content-type'], 'text/plain')
      answer.on('data', (data) => {
        pieces.push(data.toString())
        if (pieces.length === 1) logs.send(new CreateLogGroupCommand({ logGroupName: '/js/url' })).catch(reject)
      })
      answer.on('end', resolve)
    })
    call.on('error', reject)
    call.end()
  })
  assert.deepEqual(pieces, ['first ', 'second'])
})
