// Package emitter lets a program that is not a server, such as a job or another
// service, send to the clients and the servers of a cluster:
//
//	out, err := redisadapter.NewStreamsSender(client, redisadapter.StreamsConfig{})
//	…
//	e := emitter.New(out)
//	err = e.Of("/admin").To("room").Emit(ctx, "news", 42)
//
// A [Sender] sends the messages to the servers: package
// sio/cluster/redisadapter has one for each adapter. An emitter gets no
// answers: it has neither acknowledgements nor FetchSockets, as with the
// reference. Everything here is immutable and safe for concurrent use.
//
// # Waiting and errors
//
// Each call that sends waits until Redis has taken the message, which is a
// round trip, and returns an error if it has not. Several goroutines may wait
// at the same time. A call ends when its context is done, or when Redis is
// silent for 2 seconds, so a large message on a slow link may take longer.
// After an error the message may have been sent. No message is sent twice. A
// call without an error does not mean that a server got the message: Pub/Sub
// reaches the servers that are connected at that moment, a stream also those
// that have lost their connection to Redis.
package emitter
