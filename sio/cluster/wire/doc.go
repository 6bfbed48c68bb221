// Package wire turns the messages of a cluster into bytes and back: the common
// cluster message of the reference's adapters, as JSON and as MessagePack, and
// the pieces of it that adapters with messages of their own are made of.
//
// It is called by the buses, on any goroutine; functions are pure. What comes
// from the network is checked to its end, and takes memory in proportion only.
//
// A broadcast is on its way through a node decoded once and encoded once: the
// arguments of its event stay raw JSON, also those that came as MessagePack, as
// far as JSON can say them. Only binary values, dates and the like become Go
// values.
package wire
