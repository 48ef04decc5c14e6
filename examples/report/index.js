// A schedule invokes it each morning: sums up yesterday's orders, found by an index, and mails the report.
const AWS = require('aws-sdk');

const tables = new AWS.DynamoDB.DocumentClient();
const mail = new AWS.SES();
const { TABLE, FROM, TO } = process.env;

exports.handler = async (event) => {
  // A scheduled event has the moment it is about.
  const day = dayBefore(event.time ? new Date(event.time) : new Date());
  const orders = await ordersOf(day);
  const total = orders.reduce((sum, order) => sum + order.amount, 0);
  const lines = orders.map((order) => `${order.id}  ${order.amount.toFixed(2)}`);
  const text = [`${orders.length} orders on ${day}, ${total.toFixed(2)} in all.`, '', ...lines].join('\n');
  await mail.sendEmail({
    Source: FROM,
    Destination: { ToAddresses: [TO] },
    Message: { Subject: { Data: `Orders of ${day}` }, Body: { Text: { Data: text } } },
  }).promise();
  return { day, orders: orders.length, total };
};

async function ordersOf(day) {
  const found = [];
  let from;
  do {
    const page = await tables.query({
      TableName: TABLE,
      IndexName: 'by-day',
      KeyConditionExpression: '#day = :day',
      ExpressionAttributeNames: { '#day': 'day' },
      ExpressionAttributeValues: { ':day': day },
      ExclusiveStartKey: from,
    }).promise();
    found.push(...page.Items);
    from = page.LastEvaluatedKey;
  } while (from);
  return found;
}

function dayBefore(moment) {
  return new Date(moment.getTime() - 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
}
