package settings

import (
	"net/http"
	"slices"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio"
)

// slowPolicies are the values of slow-consumer, in the order of sio.SlowPolicy.
var slowPolicies = []string{"disconnect", "drop-newest", "drop-oldest"}

// eventPolicies are the values of limits-event-policy, in the order of
// sio.EventPolicy.
var eventPolicies = []string{"pause", "refuse", "disconnect"}

// sameSite has the values of cookie-same-site.
var sameSite = map[string]http.SameSite{
	"lax":    http.SameSiteLaxMode,
	"strict": http.SameSiteStrictMode,
	"none":   http.SameSiteNoneMode,
}

// Server returns the configuration of the server: what is in no other setting's
// hands, as Adapter, Client, Handler and Logger are.
func (s *Settings) Server() sio.Config {
	cfg := sio.Config{
		Path:                 s.Path,
		Loops:                s.Loops,
		SocketMode:           s.SocketMode.FileMode,
		Transports:           s.Transports,
		NoUpgrades:           s.NoUpgrades,
		AllowEIO3:            s.AllowEIO3,
		Origins:              s.Origins,
		TrustedProxies:       prefixes(s.TrustedProxies),
		AddressField:         s.AddressField,
		DiscardRequest:       s.DiscardRequest,
		NoClient:             s.NoClient,
		PingInterval:         s.PingInterval.Duration,
		PingTimeout:          s.PingTimeout.Duration,
		UpgradeTimeout:       s.UpgradeTimeout.Duration,
		ConnectTimeout:       s.ConnectTimeout.Duration,
		RequestTimeout:       s.RequestTimeout.Duration,
		IdleTimeout:          s.IdleTimeout.Duration,
		MaxHTTPBufferSize:    s.MaxHTTPBufferSize,
		MaxConnections:       s.MaxConnections,
		MaxSessions:          s.MaxSessions,
		MaxUnjoined:          s.MaxUnjoined,
		MaxAttachments:       s.MaxAttachments,
		MaxReceiving:         s.MaxReceiving,
		MaxHandshakeBytes:    s.MaxHandshakeBytes,
		MaxQueued:            s.MaxQueued,
		MaxQueuedTotal:       s.MaxQueuedTotal,
		SlowTimeout:          s.SlowTimeout.Duration,
		MaxPending:           s.MaxPending,
		MaxPendingBytes:      s.MaxPendingBytes,
		MaxPendingTotal:      s.MaxPendingTotal,
		MaxPendingTotalBytes: s.MaxPendingTotalBytes,
		MaxHandlers:          s.MaxHandlers,
		MaxNamespaces:        s.MaxNamespaces,
		MaxRooms:             s.MaxRooms,
		TLSHandshakeTimeout:  s.TLS.HandshakeTimeout.Duration,
		MaxTLSHandshakes:     s.MaxTLSHandshakes,
		MaxTLSBuffered:       s.MaxTLSBuffered,
		HTTPCompression:      s.Compression.HTTP,
		Drain:                sio.Drain{Notice: s.Drain.Notice.Duration, Spread: s.Drain.Spread.Duration},
		CORS:                 s.CORS.server(),
		Cookie:               s.Cookie.server(),
	}
	for i, name := range slowPolicies {
		if name == s.SlowConsumer {
			cfg.SlowConsumer = sio.SlowPolicy(i)
		}
	}
	if len(s.ProxyProtocol) > 0 {
		cfg.ProxyProtocol = &eio.ProxyProtocol{From: prefixes(s.ProxyProtocol)}
	}
	s.Limits.set(&cfg)
	if r := s.Recovery; r.Duration.Duration > 0 {
		cfg.ConnectionStateRecovery = &sio.Recovery{
			MaxDisconnectionDuration: r.Duration.Duration,
			RunMiddlewares:           r.RunMiddlewares,
			MaxPackets:               r.MaxPackets,
			MaxBytes:                 r.MaxBytes,
			MaxSessions:              r.MaxSessions,
		}
	}
	if z := s.Compression; z.WebSocket > 0 {
		cfg.PerMessageDeflate = &eio.PerMessageDeflate{Threshold: z.WebSocket, Level: z.Level}
	}
	return cfg
}

func (c *CORS) server() *eio.CORS {
	if len(c.Origins) == 0 && !c.Credentials {
		return nil
	}
	return &eio.CORS{
		Origins:        c.Origins,
		Credentials:    c.Credentials,
		Methods:        c.Methods,
		AllowedHeaders: c.AllowedHeaders,
		ExposedHeaders: c.ExposedHeaders,
		MaxAge:         c.MaxAge.Duration,
	}
}

func (c *Cookie) server() *eio.Cookie {
	if c.Name == "" {
		return nil
	}
	return &eio.Cookie{
		Name:     c.Name,
		Domain:   c.Domain,
		Path:     c.Path,
		MaxAge:   c.MaxAge.Duration,
		Script:   c.Script,
		Secure:   c.Secure,
		SameSite: sameSite[c.SameSite],
	}
}

// address reports whether there is a limit of an address's connections.
func (l *Limits) address() bool {
	return l.AddressSessions > 0 || l.AddressHandshakes > 0 || l.AddressFailures > 0
}

// set sets what there are limits for.
func (l *Limits) set(cfg *sio.Config) {
	if l.address() {
		cfg.AddressLimits = &eio.AddressLimits{
			Sessions:   l.AddressSessions,
			Handshakes: eio.Rate{PerSecond: l.AddressHandshakes},
			Failures:   eio.Rate{PerSecond: l.AddressFailures},
			Exempt:     prefixes(l.Exempt),
		}
	}
	if l.AddressEvents > 0 || l.SocketEvents > 0 {
		cfg.EventLimits = &sio.EventLimits{
			Socket:  eio.Rate{PerSecond: l.SocketEvents},
			Address: eio.Rate{PerSecond: l.AddressEvents},
			Policy:  sio.EventPolicy(slices.Index(eventPolicies, l.EventPolicy)),
		}
	}
}
