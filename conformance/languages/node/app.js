// The table's function in JavaScript.
'use strict';

let calls = 0;

exports.handler = async (event, context) => {
  calls += 1;
  switch (event.do) {
    case 'fail': throw new RangeError('as it was told');
    case 'hang': return new Promise((resolve) => { setTimeout(resolve, 60000); });
    case 'exit': return process.exit(7);
    case 'big': return 'x'.repeat(event.size);
    case 'log':
      process.stdout.write('on the standard output\n');
      process.stderr.write('on the standard error\n');
      break;
    case 'hoard': {
      const hoard = [];
      for (let n = 0; n < 1 << 12; n += 1) hoard.push(Buffer.alloc(1 << 20, 1));
      return hoard.length;
    }
    default:
  }
  return {
    event, calls,
    request_id: context.awsRequestId, function: context.functionName, version: context.functionVersion,
    arn: context.invokedFunctionArn, memory: context.memoryLimitInMB,
    log_group: context.logGroupName, log_stream: context.logStreamName,
    remaining_ms: context.getRemainingTimeInMillis(),
    client: context.clientContext ? context.clientContext.custom : null,
    runtime: process.env.AWS_EXECUTION_ENV,
  };
};
