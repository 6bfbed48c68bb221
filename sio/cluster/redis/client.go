package redis

import (
	"context"
	"errors"
	"net"

	goredis "github.com/redis/go-redis/v9"
)

// own is a client whose commands end with their contexts, and are not repeated. It asks
// for no notices of maintenance: what go-redis has for them can't be shared by two clients
// with the same options, and makes it log or panic.
func own(client goredis.UniversalClient) goredis.UniversalClient {
	switch c := client.(type) {
	case *goredis.Client:
		o := *c.Options()
		o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries = true, -1, 1
		o.MaintNotificationsConfig = quiet()
		if o.Addr == failoverAddr {
			return newFailoverClient(&o)
		}
		o.Dialer = mayRefuse(o.Dialer)
		return goredis.NewClient(&o)
	case *goredis.ClusterClient:
		o := *c.Options()
		o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries = true, -1, 1
		o.MaintNotificationsConfig = quiet()
		if o.Dialer == nil {
			o.Dialer = goredis.NewDialer(&goredis.Options{DialTimeout: o.DialTimeout, TLSConfig: o.TLSConfig})
		}
		o.Dialer = mayRefuse(o.Dialer)
		return goredis.NewClusterClient(&o)
	}
	return client
}

// connected is the context of what is only to be done on a connection that there is
// already: go-redis would replace a broken one before it tells of it.
func connected(ctx context.Context) context.Context {
	return context.WithValue(ctx, refuse{}, true)
}

type refuse struct{}

var errRefused = errors.New("redis: no connection is to be made")

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
