const notThere = require('not-there');

exports.handler = async () => notThere;
