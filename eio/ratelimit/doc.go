// Package ratelimit has token buckets of 8 bytes, and a bounded table of them
// by address. Packages eio and sio use it.
//
// A bucket is what is known as the generic cell rate algorithm: it holds the
// time at which it will be full again. So a full bucket is a time that has
// passed, and nothing has to refill it. Times are nanoseconds of any clock that
// does not go back.
package ratelimit
