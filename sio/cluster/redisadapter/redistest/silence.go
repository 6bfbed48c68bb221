package redistest

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// go-redis tells of each connection that a test breaks, on standard error.
func init() { redis.SetLogger(silence{}) }

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
