// Returns what the context object and the environment say.
exports.handler = async (event, context) => {
  const remaining = context.getRemainingTimeInMillis();
  return {
    names: [context.functionName, context.functionVersion, context.memoryLimitInMB],
    log: [context.logGroupName, context.logStreamName],
    request: [context.awsRequestId, context.invokedFunctionArn, context.tenantId],
    identity: context.identity,
    remaining: remaining > 0 && remaining <= 3000,
    waits: context.callbackWaitsForEmptyEventLoop,
    members: Object.keys(context),
  };
};
exports.client = async (event, context) => context.clientContext;
exports.environment = async () => ({
  trace: process.env._X_AMZN_TRACE_ID,
  telemetry: process.env._LAMBDA_TELEMETRY_LOG_FD,
  colour: process.env.COLOUR,
  cwdIsTaskRoot: process.cwd() === process.env.LAMBDA_TASK_ROOT,
  awslambda: Object.keys(globalThis.awslambda),
  requestIdForLibraries: typeof globalThis[Symbol.for('aws.lambda.runtime.requestId')],
});
