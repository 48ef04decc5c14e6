// Greets whoever the event names.
exports.handler = async (event, context) => {
  const name = event.name ?? "World";
  console.log(`greeting ${name} in request ${context.awsRequestId}`);
  return { message: `Hello, ${name}!`, remainingMs: context.getRemainingTimeInMillis() };
};
