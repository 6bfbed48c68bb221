package redis

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// NewClient makes a client as the constructors of this package take, for programs
// that import nothing else of Redis. The address is redis://user:password@host:port/db,
// rediss:// for TLS, or unix:///path; with further nodes, as in
// redis://host:port?addr=host2:port2, it is that of a Redis Cluster. Other parameters
// are those of go-redis. Nothing is connected yet. An error names the address without
// its password.
func NewClient(address string) (goredis.UniversalClient, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("redis: the address is no URL: %w", reason(err))
	}
	if u.Query().Has("addr") {
		options, err := goredis.ParseClusterURL(address)
		if err != nil {
			return nil, fmt.Errorf("redis: %s: %w", u.Redacted(), err)
		}
		options.MaintNotificationsConfig = quiet()
		return goredis.NewClusterClient(options), nil
	}
	options, err := goredis.ParseURL(address)
	if err != nil {
		return nil, fmt.Errorf("redis: %s: %w", u.Redacted(), err)
	}
	options.MaintNotificationsConfig = quiet()
	return goredis.NewClient(options), nil
}

// quiet turns off what go-redis asks of Redis Cloud.
func quiet() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// LogTo has go-redis, for the whole process, write what it has to say to log, at
// debug level: what matters of it comes back as errors. It writes to standard error
// otherwise. Call it before anything else of this package.
func LogTo(log *slog.Logger) { goredis.SetLogger(logger{log}) }

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
