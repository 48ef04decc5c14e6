// The AWS SDK for JavaScript v3 against a running platform: AWS_ENDPOINT_URL names it, LAMBENT_NODE_CLIENTS the SDK.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'

const require = createRequire(process.env.LAMBENT_NODE_CLIENTS + '/')
const lambda = require('@aws-sdk/client-lambda')
const logs = require('@aws-sdk/client-cloudwatch-logs')
const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts')

// The packages that the Python side has made: { python: { old, new }, node: { old, new } }, base64.
const packages = JSON.parse(fs.readFileSync(process.env.PACKAGES, 'utf8'))
const client = new lambda.LambdaClient({ maxAttempts: 1 })
const logsClient = new logs.CloudWatchLogsClient({ maxAttempts: 1 })
const soon = { client, maxWaitTime: 30, minDelay: 0.05, maxDelay: 0.2 }
const text = (bytes) => Buffer.from(bytes).toString()
const invoke = async (name, event, more = {}) => {
  const answer = await client.send(new lambda.InvokeCommand({
    FunctionName: name, Payload: JSON.stringify(event), LogType: 'Tail', ...more,
  }))
  return { ...answer, payload: JSON.parse(text(answer.Payload)), log: Buffer.from(answer.LogResult, 'base64').toString() }
}

test('who one is', async () => {
  const identity = await new STSClient({}).send(new GetCallerIdentityCommand({}))
  assert.equal(identity.Account, '000000000000')
})

for (const [language, runtime] of [['python', 'python3.12'], ['node', 'nodejs22.x']]) {
  test(`the life of a function: ${language}`, async () => {
    const name = `js-${language}`
    const created = await client.send(new lambda.CreateFunctionCommand({
      FunctionName: name, Runtime: runtime, Role: 'arn:aws:iam::000000000000:role/r', Handler: 'app.handler',
      Code: { ZipFile: Buffer.from(packages[language].old, 'base64') }, Environment: { Variables: { COLOUR: 'blue' } },
    }))
    assert.equal(created.State, 'Pending')
    await lambda.waitUntilFunctionActiveV2(soon, { FunctionName: name })
    const well = await invoke(name, { é: [1] })
    assert.equal(well.FunctionError, undefined)
    assert.deepEqual(well.payload, { got: { é: [1] } })
    assert.match(well.log, /\tBilled Duration: \d+ ms\t/)
    assert.equal(well.ExecutedVersion, '$LATEST')
    const failed = await invoke(name, 'fail')
    assert.equal(failed.FunctionError, 'Unhandled')
    assert.equal(failed.payload.errorMessage, 'asked to')
    await client.send(new lambda.UpdateFunctionCodeCommand({
      FunctionName: name, ZipFile: Buffer.from(packages[language].new, 'base64'),
    }))
    await lambda.waitUntilFunctionUpdatedV2(soon, { FunctionName: name })
    assert.deepEqual((await invoke(name, 1)).payload, { now: 1 })
    const listed = await client.send(new lambda.ListFunctionsCommand({}))
    assert.ok(listed.Functions.some((shown) => shown.FunctionName === name))

    const group = `/aws/lambda/${name}`
    const deadline = Date.now() + 30_000
    for (let reports = 0; reports < 3;) {
      assert.ok(Date.now() < deadline, 'the log does not come')
      const found = await logsClient.send(new logs.FilterLogEventsCommand({ logGroupName: group })).catch((error) => {
        assert.equal(error.name, 'ResourceNotFoundException')
        return { events: [] }
      })
      reports = found.events.filter((event) => event.message.startsWith('REPORT')).length
    }
    await client.send(new lambda.DeleteFunctionCommand({ FunctionName: name }))
    await assert.rejects(client.send(new lambda.GetFunctionCommand({ FunctionName: name })), (error) => {
      assert.ok(error instanceof lambda.ResourceNotFoundException)
      assert.equal(error.$metadata.httpStatusCode, 404)
      assert.equal(error.message, `Function not found: arn:aws:lambda:us-east-1:000000000000:function:${name}`)
      return true
    })
  })
}

test('refusals have their classes', async () => {
  const make = (more) => client.send(new lambda.CreateFunctionCommand({
    FunctionName: 'js-refused', Runtime: 'nodejs22.x', Role: 'arn:aws:iam::000000000000:role/r', Handler: 'app.handler',
    Code: { ZipFile: Buffer.from(packages.node.old, 'base64') }, ...more,
  }))
  await assert.rejects(make({ Runtime: 'cobol' }), lambda.InvalidParameterValueException)
  await assert.rejects(make({ MemorySize: 1 }), { name: 'ValidationException' })
  await assert.rejects(make({ Code: { ZipFile: Buffer.from('no zip') } }), lambda.InvalidParameterValueException)
  await assert.rejects(client.send(new lambda.ListCapacityProvidersCommand({})), { name: 'NotImplementedException' })
})

test('calls at once', async () => {
  const name = 'js-many'
  await client.send(new lambda.CreateFunctionCommand({
    FunctionName: name, Runtime: 'nodejs22.x', Role: 'arn:aws:iam::000000000000:role/r', Handler: 'app.handler',
    Code: { ZipFile: Buffer.from(packages.node.old, 'base64') },
  }))
  await lambda.waitUntilFunctionActiveV2(soon, { FunctionName: name })
  const numbers = Array.from({ length: 50 }, (_, number) => number)
  const answers = await Promise.all(numbers.map((number) => invoke(name, number)))
  assert.deepEqual(answers.map((answer) => answer.payload.got), numbers)
})
