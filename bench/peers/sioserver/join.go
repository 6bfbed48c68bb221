package main

import (
	"fmt"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redis"
)

// join makes the adapter that connects this server with others through a Redis.
func join(by, address string) (func(adapter.Local) adapter.Adapter, error) {
	client, err := redis.NewClient(address)
	if err != nil {
		return nil, err
	}
	switch by {
	case "streams":
		streams, err := redis.NewStreams(client, redis.StreamsConfig{})
		if err != nil {
			return nil, err
		}
		return streams.Adapter, nil
	default:
		return nil, fmt.Errorf("there is no adapter %q", by)
	}
}
