pub mod metrics { #[derive(Debug)] pub struct Sampler; pub struct SamplerConfig; impl SamplerConfig { pub fn from_settings(_:&runwire_proto::wire::Settings)->Self{SamplerConfig} } impl Sampler { pub fn new(_:SamplerConfig)->Self{Sampler} pub fn sample(&mut self)->Vec<(String,f64)>{Vec::new()} } }
pub mod environment { pub fn probe(_:&runwire_proto::wire::Settings)->runwire_proto::wire::EnvironmentRecord{Default::default()} }
pub mod code { pub fn save(_:&runwire_proto::wire::Settings,_:&std::path::Path)->Vec<String>{Vec::new()} }
