//! Enums that will grow: on the wire a number, in JSON a name, and what is unknown keeps its number. Knows no message.

/// Names of numbers that will grow: an enum with its numbers and names, where what is unknown keeps its number.
macro_rules! named {
    ($(#[$about:meta])* $kind:ident, $number:ty, $($(#[$doc:meta])* $id:literal $name:literal $variant:ident,)*) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $kind {
            $($(#[$doc])* $variant,)*
            /// One that a newer agent knows.
            Other($number),
        }

        impl $kind {
            /// Every one that this version knows, with its number on the wire and its name in JSON.
            pub const ALL: &[(Self, $number, &str)] = &[$((Self::$variant, $id, $name)),*];

            /// Its number on the wire.
            #[must_use]
            pub fn code(self) -> $number {
                match self {
                    $(Self::$variant => $id,)*
                    Self::Other(code) => code,
                }
            }

            /// The one with that number.
            #[must_use]
            pub fn from_code(code: $number) -> Self {
                match code {
                    $($id => Self::$variant,)*
                    code => Self::Other(code),
                }
            }

            /// The one whose name in JSON that is; also `other_` and a number, as what is unknown is written.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => name.strip_prefix("other_")?.parse().ok().map(Self::from_code),
                }
            }
        }

        impl core::fmt::Display for $kind {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($name),)*
                    Self::Other(code) => write!(f, "other_{code}"),
                }
            }
        }

        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match serializer.is_human_readable() {
                    true => serializer.collect_str(self),
                    false => serde::Serialize::serialize(&self.code(), serializer),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $kind {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if !deserializer.is_human_readable() {
                    return <$number as serde::Deserialize>::deserialize(deserializer).map(Self::from_code);
                }
                let name = <alloc::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                Self::from_name(&name).ok_or_else(|| {
                    <D::Error as serde::de::Error>::custom(format_args!("{name:?} is no {} that is known here", stringify!($kind)))
                })
            }
        }
    };
}

pub(crate) use named;
