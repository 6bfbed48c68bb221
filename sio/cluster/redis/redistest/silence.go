package redistest

import (
	"context"

	goredis "github.com/redis/go-redis/v9"
)

// go-redis tells of each connection that a test breaks, on standard error.
func init() { goredis.SetLogger(silence{}) }

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
