// Package emitter lets a program without a server of its own, a job or another
// service, send to the clients and the servers of a cluster:
//
//	out, err := redisadapter.NewStreamsSender(client, redisadapter.StreamsConfig{})
//	…
//	e := emitter.New(out)
//	err = e.Of("/admin").To("room").Emit(ctx, "news", 42)
//
// A [Sender] is the way to the servers: package sio/cluster/redisadapter has one for each
// kind of adapter. Nobody answers an emitter: it has neither acknowledgements nor
// FetchSockets, as with the reference. Everything here is immutable and safe for
// concurrent use.
//
// # Waiting and errors
//
// Servers deliver to their own clients whatever becomes of Redis, and therefore
// don't wait for it. An emitter has no clients of its own. So each call that sends
// waits until Redis has taken the message, which is a round trip, and returns an
// error when it has not. Calls from several goroutines wait side by side. A call
// ends with the deadline of its context or by the timeouts of the Redis client,
// whichever is first; through streams those are limits on silence, so that a large
// message may take its time. After an error the message may have been sent all the same;
// nothing is sent twice. That no error is returned does not mean that somebody was
// there: Pub/Sub reaches the servers that listen at that moment, a stream also those
// that have lost their connection to Redis.
package emitter
