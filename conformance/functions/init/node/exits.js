console.log('leaving during init');
process.exit(3);
