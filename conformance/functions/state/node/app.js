// Keeps module state between invocations of one environment.
const calls = [];
console.log('init');

exports.handler = async (event, context) => {
  calls.push(event);
  return { calls, request: context.awsRequestId.slice(-2) };
};
