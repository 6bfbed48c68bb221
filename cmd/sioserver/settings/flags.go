package settings

import (
	"flag"
	"io"
)

// define binds flags to s, whose values are the defaults that -h shows.
func (s *Settings) define(fs *flag.FlagSet) {
	fs.StringVar(&s.Addr, "addr", s.Addr, "listen on `host:port`, without a host on all addresses, with port 0 on a free port; or unix:/path; or systemd: for the sockets of a .socket unit, systemd:name for those of one name")
	fs.TextVar(&s.SocketMode, "socket-mode", s.SocketMode, "`permissions` of the file of -addr unix:/path, in octal, such as 0660; clients need that to write; empty leaves them to the umask")
	fs.StringVar(&s.OpsAddr, "ops-addr", s.OpsAddr, "serve /healthz, /readyz, /metrics and /debug/pprof/ on `host:port`, which clients must not reach; such as 127.0.0.1:9090")
	fs.BoolVar(&s.Health, "health", s.Health, "serve /healthz and /readyz on -addr too, for load balancers that ask there")
	fs.StringVar(&s.Path, "path", s.Path, "serve Socket.IO below this `path`")
	fs.IntVar(&s.Loops, "loops", s.Loops, "`number` of event loops, at most 256; 0 means one for each processor")
	fs.Var(&s.Transports, "transports", "comma-separated `list` of the transports that clients may use")
	fs.BoolVar(&s.NoUpgrades, "no-upgrades", s.NoUpgrades, "do not offer to upgrade from polling to WebSocket")
	fs.BoolVar(&s.AllowEIO3, "allow-eio3", s.AllowEIO3, "serve clients of Socket.IO 2 too (Engine.IO protocol 3)")
	fs.Var(&s.Origins, "origins", "comma-separated `list` of the only origins whose pages may connect, such as https://example.com,https://*.example.com, the demo's own included; empty for all")
	fs.Var(&s.TrustedProxies, "trusted-proxies", "comma-separated `list` of the addresses or ranges of proxies, such as 10.0.0.0/8, whose X-Forwarded-For, X-Forwarded-Proto and Forwarded say what a client's address is and whether it uses TLS")
	fs.StringVar(&s.AddressField, "address-field", s.AddressField, "only `header` field from which the address is taken, such as X-Real-IP; it needs -trusted-proxies")
	fs.Var(&s.ProxyProtocol, "proxy-protocol", "comma-separated `list` of the addresses or ranges of proxies that begin each connection with a header of the PROXY protocol")
	fs.BoolVar(&s.DiscardRequest, "discard-request", s.DiscardRequest, "drop a client's first HTTP request once it is connected; saves about 230 bytes of memory a connection")
	fs.BoolVar(&s.NoClient, "no-client", s.NoClient, "do not serve the browser client (socket.io.js and the files beside it); the demo does not work without it")
	fs.BoolVar(&s.NoDemo, "no-demo", s.NoDemo, "do not serve the demo chat at /")
	fs.TextVar(&s.LogLevel, "log-level", s.LogLevel, "log lines of this `level` and above: debug, info, warn or error")
	fs.StringVar(&s.LogFormat, "log-format", s.LogFormat, "`format` of the log: text or json")
	fs.StringVar(&s.Debug, "debug", s.Debug, "comma-separated `scopes` of the log whose details it has whatever -log-level is: engine, engine:socket, socket.io:client and socket.io:socket; * stands for any characters. PUT them to /debug/log of -ops-addr to change them")
	fs.TextVar(&s.ShutdownTimeout, "shutdown-timeout", s.ShutdownTimeout, "`time` that handlers have to return after the first SIGINT or SIGTERM, -drain-notice and -drain-spread; a second signal ends the program at once")
	s.defineTimes(fs)
	s.defineLimits(fs)
	s.defineCluster(fs)
	s.defineTables(fs)
}

func (s *Settings) defineTimes(fs *flag.FlagSet) {
	fs.TextVar(&s.PingInterval, "ping-interval", s.PingInterval, "`time` between two heartbeats")
	fs.TextVar(&s.PingTimeout, "ping-timeout", s.PingTimeout, "`time` that a client has to answer a heartbeat")
	fs.TextVar(&s.UpgradeTimeout, "upgrade-timeout", s.UpgradeTimeout, "`time` that an upgrade from polling to WebSocket may take")
	fs.TextVar(&s.ConnectTimeout, "connect-timeout", s.ConnectTimeout, "`time` that a client has to join a namespace")
	fs.TextVar(&s.RequestTimeout, "request-timeout", s.RequestTimeout, "`time` that a peer has to send one HTTP request")
	fs.TextVar(&s.IdleTimeout, "idle-timeout", s.IdleTimeout, "`time` that a connection is kept between two HTTP requests")
}

// defineLimits has the bounds; docs/tuning.md explains each of them.
func (s *Settings) defineLimits(fs *flag.FlagSet) {
	fs.Int64Var(&s.MaxHTTPBufferSize, "max-http-buffer-size", s.MaxHTTPBufferSize, "largest message, attachment and polling body, in `bytes`")
	fs.IntVar(&s.MaxConnections, "max-connections", s.MaxConnections, "largest `number` of TCP connections; 0 leaves it to the limit of open files")
	fs.Int64Var(&s.MaxSessions, "max-sessions", s.MaxSessions, "largest `number` of clients; 0 means 1,000,000")
	fs.IntVar(&s.MaxUnjoined, "max-unjoined", s.MaxUnjoined, "largest `number` of clients that have joined no namespace yet; 0 means 32,768")
	fs.IntVar(&s.MaxAttachments, "max-attachments", s.MaxAttachments, "largest `number` of binary values in one packet; 0 means 10")
	fs.Int64Var(&s.MaxReceiving, "max-receiving", s.MaxReceiving, "most `bytes` of packets and requests that are not complete; 0 means an eighth of GOMEMLIMIT, or 256 MiB")
	fs.Int64Var(&s.MaxHandshakeBytes, "max-handshake-bytes", s.MaxHandshakeBytes, "most `bytes` of first requests, authentication data and data of sockets; 0 means an eighth of GOMEMLIMIT, or 256 MiB")
	fs.IntVar(&s.MaxQueued, "max-queued", s.MaxQueued, "most `bytes` that wait for one client; 0 means 16 MiB")
	fs.IntVar(&s.MaxQueuedTotal, "max-queued-total", s.MaxQueuedTotal, "most `bytes` that wait for all clients that do not read; 0 means 1 GiB")
	fs.TextVar(&s.SlowTimeout, "slow-timeout", s.SlowTimeout, "`time` after which a client that takes nothing is too slow; 0 means -ping-timeout")
	fs.StringVar(&s.SlowConsumer, "slow-consumer", s.SlowConsumer, "`policy` for clients that are too slow: disconnect, drop-newest or drop-oldest")
	fs.IntVar(&s.MaxPending, "max-pending", s.MaxPending, "most `events` of one client that wait for handlers; 0 means 1,024")
	fs.Int64Var(&s.MaxPendingBytes, "max-pending-bytes", s.MaxPendingBytes, "the same in `bytes`; 0 means 4 MiB")
	fs.IntVar(&s.MaxPendingTotal, "max-pending-total", s.MaxPendingTotal, "most `events` of all clients that wait for handlers; 0 means 262,144")
	fs.Int64Var(&s.MaxPendingTotalBytes, "max-pending-total-bytes", s.MaxPendingTotalBytes, "the same in `bytes`; 0 means 256 MiB")
	fs.IntVar(&s.MaxHandlers, "max-handlers", s.MaxHandlers, "largest `number` of sockets for which handlers run at the same time; 0 means 65,536")
	fs.IntVar(&s.MaxNamespaces, "max-namespaces", s.MaxNamespaces, "largest `number` of namespaces of one client beside /; 0 means 128")
	fs.IntVar(&s.MaxRooms, "max-rooms", s.MaxRooms, "largest `number` of rooms of one socket; 0 for no limit")
	fs.IntVar(&s.MaxTLSHandshakes, "max-tls-handshakes", s.MaxTLSHandshakes, "largest `number` of TLS handshakes at a time; 0 means 1,024")
	fs.IntVar(&s.MaxTLSBuffered, "max-tls-buffered", s.MaxTLSBuffered, "most `bytes` of TLS records that are not complete; 0 means 64 MiB")
}

func (s *Settings) defineCluster(fs *flag.FlagSet) {
	fs.StringVar(&s.Redis, "redis", s.Redis, "join the cluster of the Redis at this `url`, such as redis://127.0.0.1:6379; ?addr=… adds nodes of a Redis Cluster or, with master_name=…, Sentinels")
	fs.StringVar(&s.Adapter, "adapter", s.Adapter, "`kind` of adapter, the same on all servers of the cluster: pubsub, sharded (Redis 7) or streams")
	fs.StringVar(&s.Advertise, "advertise", s.Advertise, "`host:port` at which the other servers of the cluster reach this one; clients that use polling then need no sticky sessions")
}

// defineTables has the flags whose names begin with that of a table.
func (s *Settings) defineTables(fs *flag.FlagSet) {
	c := &s.CORS
	fs.Var(&c.Origins, "cors-origins", "comma-separated `list` of the origins whose pages may use polling from another origin than the server's; * for all")
	fs.BoolVar(&c.Credentials, "cors-credentials", c.Credentials, "let such pages send cookies; without -cors-origins those of -origins")
	fs.Var(&c.Methods, "cors-methods", "comma-separated `list` of the methods that a preflight allows; empty for GET, HEAD, PUT, PATCH, POST and DELETE")
	fs.Var(&c.AllowedHeaders, "cors-allowed-headers", "comma-separated `list` of the request headers that a preflight allows; empty for those that it asks for")
	fs.Var(&c.ExposedHeaders, "cors-exposed-headers", "comma-separated `list` of the response headers that pages may read")
	fs.TextVar(&c.MaxAge, "cors-max-age", c.MaxAge, "`time` that a browser may keep the answer to a preflight, in whole seconds; 0 leaves it to the browser")

	k := &s.Cookie
	fs.StringVar(&k.Name, "cookie-name", k.Name, "send a cookie of this `name` with the session's id, for load balancers; empty for none")
	fs.StringVar(&k.Domain, "cookie-domain", k.Domain, "`domain` of the cookie; empty for the server's")
	fs.StringVar(&k.Path, "cookie-path", k.Path, "`path` of the cookie")
	fs.TextVar(&k.MaxAge, "cookie-max-age", k.MaxAge, "`time` that browsers keep the cookie, in whole seconds; 0 until they are closed")
	fs.BoolVar(&k.Secure, "cookie-secure", k.Secure, "have browsers send the cookie over HTTPS only")
	fs.BoolVar(&k.Script, "cookie-script", k.Script, "let scripts of pages read the cookie")
	fs.StringVar(&k.SameSite, "cookie-same-site", k.SameSite, "`policy` of the cookie for other sites: lax, strict or none")

	r := &s.Recovery
	fs.TextVar(&r.Duration, "recovery-duration", r.Duration, "`time` within which clients that come back get their sockets back, and what they missed; 0 for no recovery")
	fs.BoolVar(&r.RunMiddlewares, "recovery-run-middlewares", r.RunMiddlewares, "run middlewares for clients that come back too")
	fs.IntVar(&r.MaxPackets, "recovery-max-packets", r.MaxPackets, "most `events` that a namespace keeps; 0 means 65,536")
	fs.IntVar(&r.MaxBytes, "recovery-max-bytes", r.MaxBytes, "the same in `bytes`; 0 means 8 MiB")
	fs.IntVar(&r.MaxSessions, "recovery-max-sessions", r.MaxSessions, "largest `number` of sockets without a client that a namespace keeps; 0 means 65,536")

	z := &s.Compression
	fs.IntVar(&z.HTTP, "compression-http", z.HTTP, "smallest polling response that is compressed, in `bytes`; 0 means 1,024, -1 turns compression off")
	fs.IntVar(&z.WebSocket, "compression-websocket", z.WebSocket, "smallest WebSocket message that is compressed, in `bytes`; 0 turns compression off")
	fs.IntVar(&z.Level, "compression-level", z.Level, "`effort` of -compression-websocket, from 1 to 9; 0 means 1")

	d := &s.Drain
	fs.TextVar(&d.Notice, "drain-notice", d.Notice, "`time` from the first SIGINT or SIGTERM on for which clients are still served, but new ones are refused and /readyz fails: longer than the load balancer takes to notice")
	fs.TextVar(&d.Spread, "drain-spread", d.Spread, "`time` over which clients are then told to go, one after another")

	l := &s.Limits
	fs.IntVar(&l.AddressSessions, "limits-address-sessions", l.AddressSessions, "largest `number` of clients of one address; 0 for no limit, as for the other -limits. Behind a proxy set -trusted-proxies or -proxy-protocol")
	fs.Float64Var(&l.AddressHandshakes, "limits-address-handshakes", l.AddressHandshakes, "largest `rate` of handshakes of one address, a second")
	fs.Float64Var(&l.AddressFailures, "limits-address-failures", l.AddressFailures, "largest `rate` of handshakes of one address that are refused, a second")
	fs.Float64Var(&l.AddressEvents, "limits-address-events", l.AddressEvents, "largest `rate` of events of all sockets of one address, a second")
	fs.Float64Var(&l.SocketEvents, "limits-socket-events", l.SocketEvents, "largest `rate` of events of one socket, a second")
	fs.StringVar(&l.EventPolicy, "limits-event-policy", l.EventPolicy, "`policy` for events beyond these rates: pause, which slows the client down, refuse or disconnect")
	fs.Var(&l.Exempt, "limits-exempt", "comma-separated `list` of addresses or ranges without limits of sessions and handshakes, such as those of monitoring")

	t := &s.TLS
	fs.StringVar(&t.Cert, "tls-cert", t.Cert, "serve HTTPS with the certificate chain in this PEM `file`; SIGHUP reads it again")
	fs.StringVar(&t.Key, "tls-key", t.Key, "PEM `file` of the certificate's private key")
	fs.StringVar(&t.ClientCA, "tls-client-ca", t.ClientCA, "PEM `file` of the authorities of which clients must have a certificate; empty for none")
	fs.TextVar(&t.HandshakeTimeout, "tls-handshake-timeout", t.HandshakeTimeout, "`time` that a TLS handshake may take; 0 means -request-timeout")
}

// newFlagSet returns flags that print nothing by themselves.
func newFlagSet() *flag.FlagSet {
	fs := flag.NewFlagSet("sioserver", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}
