package redisadapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// NewClient makes a client as the constructors of this package take, for programs
// that import nothing else of Redis. The address is redis://user:password@host:port/db,
// rediss:// for TLS, or unix:///path; with further nodes, as in
// redis://host:port?addr=host2:port2, it is that of a Redis Cluster. With the name of
// a master, as in redis://host:26379?master_name=main&addr=host2:26379, it is that of
// Sentinels, which are asked for the master; user and password are then theirs, and
// the parameters username and password the master's. Other parameters are those of
// go-redis. Nothing is connected yet; the client must stay open while it is in use. An
// error names the address without its passwords.
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
	errReplica = errors.New("replica_only, route_by_latency and route_randomly lead away from the master")
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

// redacted is the address without passwords: that of the user, and the parameter.
func redacted(u *url.URL) string {
	shown := *u
	if q := u.Query(); q.Has("password") {
		q.Set("password", "xxxxx")
		shown.RawQuery = q.Encode()
	}
	return shown.Redacted()
}

// refused is what is wrong with an address; go-redis names no address.
func refused(u *url.URL, err error) error {
	return fmt.Errorf("redisadapter: the address is %s; it must be like redis://host:port: %s",
		redacted(u), strings.TrimPrefix(err.Error(), "redis: "))
}

// quiet turns off what go-redis asks of Redis Cloud.
func quiet() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// LogTo has go-redis, for the whole process, write what it has to say to log, at
// debug level: what matters of it comes back as errors. It writes to standard error
// otherwise. Call it before anything else of this package.
func LogTo(log *slog.Logger) { redis.SetLogger(logger{log}) }

type logger struct{ log *slog.Logger }

func (l logger) Printf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, fmt.Sprintf("redis: "+format, v...))
}

// reason is what url.Parse has against an address, without the address.
func reason(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}
