// Answers what a handler was given, so that a callback brings it back to the test.

export async function echo(request) {
  return Response.json({
    body: await request.text(),
    contentType: request.headers.get("content-type"),
    method: request.method,
  });
}
