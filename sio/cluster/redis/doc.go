// Package redis connects the servers of a cluster through Redis: it has the
// buses for package cluster. It alone imports the client of Redis.
package redis

import _ "github.com/redis/go-redis/v9" // issue 7
