// Runs in CloudFront for `/api/VERSION/sync`: an API of WebSockets has no paths, so the version goes into the query.
function handler(event) {
  var request = event.request;
  var version = request.uri.split('/')[2];
  request.uri = '/';
  request.querystring.client = { value: version };
  return request;
}
