exports.handler = async ( => 'ok';
