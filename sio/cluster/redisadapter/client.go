package redisadapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// NewClient returns a client for the constructors of this package, for programs
// that don't import go-redis. The address is one of
//
//   - redis://user:password@host:port/db, rediss:// for TLS, or unix:///path;
//   - redis://host:port?addr=host2:port2 with further nodes of a Redis Cluster;
//   - redis://host:26379?master_name=main&addr=host2:26379 with the name of a
//     master that Sentinels watch. User and password are those of the
//     Sentinels, the parameters username and password those of the master.
//
// Other parameters are those of go-redis. NewClient does not connect. The
// client must stay open while it is in use. Errors name the address without its
// passwords.
func NewClient(address string) (redis.UniversalClient, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("redisadapter: the address must be like redis://host:port: %w", reason(err))
	}
	if u.Query().Has("master_name") {
		options, err := parseFailover(address)
		if err != nil {
			return nil, refused(u, err)
		}
		return redis.NewFailoverClient(options), nil
	}
	if u.Query().Has("addr") {
		options, err := redis.ParseClusterURL(address)
		if err != nil {
			return nil, refused(u, err)
		}
		options.MaintNotificationsConfig = quiet()
		return redis.NewClusterClient(options), nil
	}
	options, err := redis.ParseURL(address)
	if err != nil {
		return nil, refused(u, err)
	}
	options.MaintNotificationsConfig = quiet()
	return redis.NewClient(options), nil
}

var (
	errNoName  = errors.New("master_name is empty")
	errReplica = errors.New("replica_only, route_by_latency and route_randomly must not be set, because replicas can not publish")
)

func parseFailover(address string) (*redis.FailoverOptions, error) {
	options, err := redis.ParseFailoverURL(address)
	switch {
	case err != nil:
		return nil, err
	case options.MasterName == "":
		return nil, errNoName
	case options.ReplicaOnly, options.RouteByLatency, options.RouteRandomly:
		return nil, errReplica
	}
	return options, nil
}

// redacted returns the address without the passwords of the user and of the
// parameter.
func redacted(u *url.URL) string {
	shown := *u
	if q := u.Query(); q.Has("password") {
		q.Set("password", "xxxxx")
		shown.RawQuery = q.Encode()
	}
	return shown.Redacted()
}

// refused returns the error for an address, which go-redis does not name.
func refused(u *url.URL, err error) error {
	return fmt.Errorf("redisadapter: the address is %s; it must be like redis://host:port: %s",
		redacted(u), strings.TrimPrefix(err.Error(), "redis: "))
}

// quiet turns off the maintenance notifications of Redis Cloud.
func quiet() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// LogTo has go-redis, in the whole process, log to log at debug level; by
// default it writes to standard error. What matters is returned as errors. Call
// it before all other functions of this package.
func LogTo(log *slog.Logger) { redis.SetLogger(logger{log}) }

type logger struct{ log *slog.Logger }

func (l logger) Printf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, fmt.Sprintf("redis: "+format, v...))
}

// reason returns the error of url.Parse without the address.
func reason(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}

// ownClient returns a client with the options of client whose commands end with
// their contexts and are not repeated. It asks for no maintenance notices:
// two clients with the same options can't share what go-redis has for them, and
// it would log or panic.
func ownClient(client redis.UniversalClient) redis.UniversalClient {
	switch c := client.(type) {
	case *redis.Client:
		o := *c.Options()
		o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries = true, -1, 1
		o.MaintNotificationsConfig = quiet()
		if o.Addr == failoverAddr {
			return newFailoverClient(&o)
		}
		o.Dialer = refusable(o.Dialer)
		return redis.NewClient(&o)
	case *redis.ClusterClient:
		o := *c.Options()
		o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries = true, -1, 1
		o.MaintNotificationsConfig = quiet()
		if o.Dialer == nil {
			o.Dialer = redis.NewDialer(&redis.Options{DialTimeout: o.DialTimeout, TLSConfig: o.TLSConfig})
		}
		o.Dialer = refusable(o.Dialer)
		return redis.NewClusterClient(&o)
	}
	return client
}

// connected returns a context for commands that must not make a connection:
// go-redis would replace a broken connection before it returns the error.
func connected(ctx context.Context) context.Context {
	return context.WithValue(ctx, refuse{}, true)
}

type refuse struct{}

var errRefused = errors.New("redisadapter: must not connect")

type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// refusable returns dial, but fails for contexts of connected.
func refusable(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if ctx.Value(refuse{}) != nil {
			return nil, errRefused
		}
		return dial(ctx, network, addr)
	}
}
