package settings

import (
	"log/slog"
	"time"
)

// Settings are all settings. Defaults returns those of a program that is told
// nothing; a number of 0 then stands for the server's own default.
type Settings struct {
	Addr            string   `toml:"addr"`
	OpsAddr         string   `toml:"ops-addr"`
	SocketMode      Mode     `toml:"socket-mode"`
	Health          bool     `toml:"health"`
	Path            string   `toml:"path"`
	Loops           int      `toml:"loops"`
	Transports      List     `toml:"transports"`
	NoUpgrades      bool     `toml:"no-upgrades"`
	AllowEIO3       bool     `toml:"allow-eio3"`
	Origins         List     `toml:"origins"`
	TrustedProxies  List     `toml:"trusted-proxies"`
	AddressField    string   `toml:"address-field"`
	ProxyProtocol   List     `toml:"proxy-protocol"`
	DiscardRequest  bool     `toml:"discard-request"`
	NoClient        bool     `toml:"no-client"`
	NoDemo          bool     `toml:"no-demo"`
	LogLevel        Level    `toml:"log-level"`
	LogFormat       string   `toml:"log-format"`
	Debug           string   `toml:"debug"`
	ShutdownTimeout Duration `toml:"shutdown-timeout"`

	PingInterval   Duration `toml:"ping-interval"`
	PingTimeout    Duration `toml:"ping-timeout"`
	UpgradeTimeout Duration `toml:"upgrade-timeout"`
	ConnectTimeout Duration `toml:"connect-timeout"`
	RequestTimeout Duration `toml:"request-timeout"`
	IdleTimeout    Duration `toml:"idle-timeout"`

	MaxHTTPBufferSize    int64    `toml:"max-http-buffer-size"`
	MaxConnections       int      `toml:"max-connections"`
	MaxSessions          int64    `toml:"max-sessions"`
	MaxUnjoined          int      `toml:"max-unjoined"`
	MaxAttachments       int      `toml:"max-attachments"`
	MaxReceiving         int64    `toml:"max-receiving"`
	MaxHandshakeBytes    int64    `toml:"max-handshake-bytes"`
	MaxQueued            int      `toml:"max-queued"`
	MaxQueuedTotal       int      `toml:"max-queued-total"`
	SlowTimeout          Duration `toml:"slow-timeout"`
	SlowConsumer         string   `toml:"slow-consumer"`
	MaxPending           int      `toml:"max-pending"`
	MaxPendingBytes      int64    `toml:"max-pending-bytes"`
	MaxPendingTotal      int      `toml:"max-pending-total"`
	MaxPendingTotalBytes int64    `toml:"max-pending-total-bytes"`
	MaxHandlers          int      `toml:"max-handlers"`
	MaxNamespaces        int      `toml:"max-namespaces"`
	MaxRooms             int      `toml:"max-rooms"`
	MaxTLSHandshakes     int      `toml:"max-tls-handshakes"`
	MaxTLSBuffered       int      `toml:"max-tls-buffered"`

	Redis     string `toml:"redis"`
	Adapter   string `toml:"adapter"`
	Advertise string `toml:"advertise"`

	CORS        CORS        `toml:"cors"`
	Cookie      Cookie      `toml:"cookie"`
	Recovery    Recovery    `toml:"recovery"`
	Compression Compression `toml:"compression"`
	TLS         TLS         `toml:"tls"`
	Drain       Drain       `toml:"drain"`
	Limits      Limits      `toml:"limits"`
}

// Limits are of what one address or one socket may do. Each is off with 0; the
// rates are a second.
type Limits struct {
	AddressSessions   int     `toml:"address-sessions"`
	AddressHandshakes float64 `toml:"address-handshakes"`
	AddressFailures   float64 `toml:"address-failures"`
	AddressEvents     float64 `toml:"address-events"`
	SocketEvents      float64 `toml:"socket-events"`
	EventPolicy       string  `toml:"event-policy"`
	Exempt            List    `toml:"exempt"`
}

// Drain is how clients are let go before the shutdown.
type Drain struct {
	Notice Duration `toml:"notice"`
	Spread Duration `toml:"spread"`
}

// CORS is on if it has origins, or credentials.
type CORS struct {
	Origins        List     `toml:"origins"`
	Credentials    bool     `toml:"credentials"`
	Methods        List     `toml:"methods"`
	AllowedHeaders List     `toml:"allowed-headers"`
	ExposedHeaders List     `toml:"exposed-headers"`
	MaxAge         Duration `toml:"max-age"`
}

// Cookie is on if it has a name.
type Cookie struct {
	Name     string   `toml:"name"`
	Domain   string   `toml:"domain"`
	Path     string   `toml:"path"`
	MaxAge   Duration `toml:"max-age"`
	Secure   bool     `toml:"secure"`
	Script   bool     `toml:"script"`
	SameSite string   `toml:"same-site"`
}

// Recovery is on if it has a duration.
type Recovery struct {
	Duration       Duration `toml:"duration"`
	RunMiddlewares bool     `toml:"run-middlewares"`
	MaxPackets     int      `toml:"max-packets"`
	MaxBytes       int      `toml:"max-bytes"`
	MaxSessions    int      `toml:"max-sessions"`
}

// Compression is of polling responses, and of WebSocket messages if that is not
// 0.
type Compression struct {
	HTTP      int `toml:"http"`
	WebSocket int `toml:"websocket"`
	Level     int `toml:"level"`
}

// TLS is on if it has a certificate.
type TLS struct {
	Cert             string   `toml:"cert"`
	Key              string   `toml:"key"`
	ClientCA         string   `toml:"client-ca"`
	HandshakeTimeout Duration `toml:"handshake-timeout"`
}

// Defaults returns the settings of a program that is told nothing.
func Defaults() Settings {
	return Settings{
		Addr:              ":3000",
		Path:              "/socket.io/",
		Transports:        List{"polling", "websocket"},
		PingInterval:      Duration{25 * time.Second},
		PingTimeout:       Duration{20 * time.Second},
		UpgradeTimeout:    Duration{10 * time.Second},
		ConnectTimeout:    Duration{45 * time.Second},
		RequestTimeout:    Duration{30 * time.Second},
		IdleTimeout:       Duration{75 * time.Second},
		MaxHTTPBufferSize: 1_000_000,
		SlowConsumer:      "disconnect",
		Adapter:           Adapters[0],
		LogLevel:          Level{slog.LevelInfo},
		LogFormat:         "text",
		ShutdownTimeout:   Duration{10 * time.Second},
		Cookie:            Cookie{Path: "/", SameSite: "lax"},
		Limits:            Limits{EventPolicy: eventPolicies[0]},
	}
}

// Adapters are the values of the setting adapter, the default first.
var Adapters = []string{"pubsub", "sharded", "streams"}
