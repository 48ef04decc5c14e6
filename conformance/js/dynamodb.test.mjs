// DynamoDB with the AWS SDK for JavaScript v3: the document client, paginators, waiters, streams.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRequire } from 'node:module'

const require = createRequire(`${process.env.LAMBENT_NODE_CLIENTS}/`)
const { CreateTableCommand, DynamoDBClient, waitUntilTableExists } = require('@aws-sdk/client-dynamodb')
const { DynamoDBStreamsClient, DescribeStreamCommand, GetRecordsCommand, GetShardIteratorCommand } =
  require('@aws-sdk/client-dynamodb-streams')
const lib = require('@aws-sdk/lib-dynamodb')

const client = new DynamoDBClient({ maxAttempts: 1 })
const document = lib.DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } })

test('documents round trip', async () => {
  const made = await client.send(new CreateTableCommand({
    TableName: 'documents',
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }, { AttributeName: 'sk', AttributeType: 'N' }],
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }, { AttributeName: 'sk', KeyType: 'RANGE' }],
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
  }))
  await waitUntilTableExists({ client, maxWaitTime: 20, minDelay: 1 }, { TableName: 'documents' })
  const item = {
    pk: 'a', sk: 1, nested: { list: [1, 'two', null, true], bytes: new Uint8Array([1, 2]) }, tags: new Set(['x', 'y']),
  }
  await document.send(new lib.PutCommand({ TableName: 'documents', Item: item }))
  const got = await document.send(new lib.GetCommand({ TableName: 'documents', Key: { pk: 'a', sk: 1 } }))
  assert.deepEqual(got.Item, item)

  for (let sk = 2; sk <= 12; sk++) {
    await document.send(new lib.UpdateCommand({
      TableName: 'documents', Key: { pk: 'a', sk }, UpdateExpression: 'SET #v = if_not_exists(#v, :zero) + :sk',
      ExpressionAttributeNames: { '#v': 'value' }, ExpressionAttributeValues: { ':zero': 0, ':sk': sk },
    }))
  }
  const found = []
  const pages = lib.paginateQuery({ client: document, pageSize: 4 }, {
    TableName: 'documents', KeyConditionExpression: 'pk = :pk AND sk BETWEEN :low AND :high', ScanIndexForward: false,
    ExpressionAttributeValues: { ':pk': 'a', ':low': 2, ':high': 11 },
  })
  for await (const page of pages) found.push(...page.Items.map(({ sk }) => sk))
  assert.deepEqual(found, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2])

  await assert.rejects(
    document.send(new lib.PutCommand({
      TableName: 'documents', Item: { pk: 'a', sk: 1 }, ConditionExpression: 'attribute_not_exists(pk)',
    })),
    { name: 'ConditionalCheckFailedException', message: 'The conditional request failed' },
  )
  await assert.rejects(
    document.send(new lib.TransactWriteCommand({ TransactItems: [
      { Put: { TableName: 'documents', Item: { pk: 'b', sk: 1 } } },
      { ConditionCheck: { TableName: 'documents', Key: { pk: 'none', sk: 1 }, ConditionExpression: 'attribute_exists(pk)' } },
    ] })),
    (error) => {
      assert.equal(error.name, 'TransactionCanceledException')
      assert.deepEqual(error.CancellationReasons.map(({ Code }) => Code), ['None', 'ConditionalCheckFailed'])
      return true
    },
  )

  const streams = new DynamoDBStreamsClient({ maxAttempts: 1 })
  const StreamArn = made.TableDescription.LatestStreamArn
  const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }))
  const { ShardIterator } = await streams.send(new GetShardIteratorCommand({
    StreamArn, ShardId: StreamDescription.Shards[0].ShardId, ShardIteratorType: 'TRIM_HORIZON',
  }))
  const { Records } = await streams.send(new GetRecordsCommand({ ShardIterator }))
  assert.equal(Records.length, 12)
  assert.equal(Records[11].dynamodb.NewImage.value.N, '12')
})
