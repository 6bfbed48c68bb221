package redisadapter

import (
	"context"
	"errors"
	"net"

	"github.com/redis/go-redis/v9"
)

// own is a client whose commands end with their contexts, and are not repeated. It asks
// for no notices of maintenance: what go-redis has for them can't be shared by two clients
// with the same options, and makes it log or panic.
func own(client redis.UniversalClient) redis.UniversalClient {
	switch c := client.(type) {
	case *redis.Client:
		o := *c.Options()
		o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries = true, -1, 1
		o.MaintNotificationsConfig = quiet()
		if o.Addr == failoverAddr {
			return newFailoverClient(&o)
		}
		o.Dialer = mayRefuse(o.Dialer)
		return redis.NewClient(&o)
	case *redis.ClusterClient:
		o := *c.Options()
		o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries = true, -1, 1
		o.MaintNotificationsConfig = quiet()
		if o.Dialer == nil {
			o.Dialer = redis.NewDialer(&redis.Options{DialTimeout: o.DialTimeout, TLSConfig: o.TLSConfig})
		}
		o.Dialer = mayRefuse(o.Dialer)
		return redis.NewClusterClient(&o)
	}
	return client
}

// connected is the context of what is only to be done on a connection that there is
// already: go-redis would replace a broken one before it tells of it.
func connected(ctx context.Context) context.Context {
	return context.WithValue(ctx, refuse{}, true)
}

type refuse struct{}

var errRefused = errors.New("redisadapter: no connection is to be made")

type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// mayRefuse is dial, unless it is asked with a context that says otherwise.
func mayRefuse(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if ctx.Value(refuse{}) != nil {
			return nil, errRefused
		}
		return dial(ctx, network, addr)
	}
}
