"""Products and the making of devices in numbers, for clouds. Source: Feiyan 7.2"""

from collections.abc import Callable, Mapping

from ....core import accounts, applications, certificates, keys, production, products
from ....core import errors as core
from ....core.certificates import Certificate
from ....core.products import Product
from ....web.operations import Call, Fault
from .. import errors, product_mapping, thing_mapping
from .. import product_schema as schema
from ..declaring import cloud

MAKING = (core.ProductNotFound, core.ProductNotReleased, core.InvalidInput)
UNKNOWN_BATCH: Mapping[type[core.PolythingError], Fault] = {core.BatchNotFound: errors.PARAMETER}


@cloud("/cloud/thing/productList/get", "1.1.2", source="Feiyan 7.2.1")
def list_products(call: Call[None, None, schema.Page]) -> list[schema.ListedProduct]:
    """A page of the project's products, oldest first. Two AWS calls, one more for a hundred products."""
    body = call.body
    found = products.list_products(call.caller.tenant)
    return [
        schema.ListedProduct(**product_mapping.facts(each), status=product_mapping.status(each)[1])
        for each in found[(body.page_no - 1) * body.page_size :][: body.page_size]
    ]


@cloud("/cloud/thing/product/get", "1.1.2", source="Feiyan 7.2.2", raises=(core.ProductNotFound,))
def get_product(call: Call[None, None, schema.OfProduct]) -> schema.CloudProduct:
    """A product. One AWS call where it was read seconds ago."""
    found = _product(call.caller.tenant, call.body.product_key)
    return schema.CloudProduct(**product_mapping.facts(found), status=product_mapping.status(found)[0])


@cloud("/cloud/amount/device/generate", "1.1.2", source="Feiyan 7.2.3", raises=(*MAKING, errors.BadAmount))
def generate_devices(call: Call[None, None, schema.Amount]) -> schema.BatchMade:
    """Have up to 10,000 devices of a released product made, named by their ids; answers the batch.

    Their certificates can be read at once; the devices can log in as they are registered, in the background.
    Two AWS calls where the product was read seconds ago, and one for every two thousand devices.
    """
    batch = _of_amount(production.generate, call)
    return schema.BatchMade(batch, batch)


@cloud("/cloud/device/name/upload", "1.1.2", source="Feiyan 7.2.4", raises=MAKING)
def upload_device_names(call: Call[None, None, schema.Names]) -> str:
    """Keep up to 1000 names for devices of a released product; answers the batch.

    Names that are malformed, stand twice in the list or belong to a device of the tenant are left out. No
    device is made before the batch is generated. Two AWS calls where the product was read seconds ago, and
    one for every hundred names.
    """
    found = _product(call.caller.tenant, call.body.product_key)
    return production.upload(call.caller, found.id, call.body.device_names).id


@cloud(
    "/cloud/name/device/generate",
    "1.1.2",
    source="Feiyan 7.2.5",
    raises=(*MAKING, core.BatchNotFound, core.BatchGenerated, core.NoValidName),
    faults=UNKNOWN_BATCH,
)
def generate_named_devices(call: Call[None, None, schema.BatchOfNames]) -> schema.BatchMade:
    """Have the devices made whose names were uploaded, once; answers the batch.

    A name that another device gets first is skipped. Four AWS calls where the product was read seconds ago.
    """
    found = _product(call.caller.tenant, call.body.product_key)
    batch = production.generate_named(call.caller, found.id, call.body.batch_id)
    return schema.BatchMade(batch, batch)


@cloud(
    "/living/device/apply/query",
    "1.0.1",
    source="Feiyan 7.2.6",
    raises=(core.BatchNotFound,),
    faults=UNKNOWN_BATCH,
)
def query_certificates(call: Call[None, None, schema.CertificatesPage]) -> schema.Certificates:
    """The certificates of a batch, in its order, in pages of up to 200.

    Whoever has one can log in as the device. All are listed as soon as the batch is accepted; of a list of
    names that is not generated none. A deleted device is left out, though counted. Two AWS calls, and one
    for every fifty devices.
    """
    body = call.body
    offset = (body.page_no - 1) * body.page_size
    part = certificates.of_batch(call.caller, body.apply_id, offset, body.page_size)
    items = [_certificate(each) for each in part.items]
    return schema.Certificates(part.total, body.page_no, body.page_size, items)


@cloud(
    "/living/cloud/product/nvr/device/generate",
    "1.0.0",
    source="Feiyan 7.2.7",
    raises=(*MAKING, errors.BadAmount),
)
def generate_recorders(call: Call[None, None, schema.Amount]) -> str:
    """Have up to 10,000 gateways of a released product made, with devices behind them; answers the batch.

    How many and of which product an operator has said of the gateways' product. Two AWS calls where the
    products were read seconds ago, and at most five for the jobs.
    """
    return _of_amount(production.generate_gateways, call)


@cloud(
    "/living/cloud/product/nvr/device/cert/query",
    "1.0.0",
    source="Feiyan 7.2.8",
    raises=(core.ProductNotFound, core.BatchNotFound),
    faults=UNKNOWN_BATCH,
)
def query_recorder_certificates(call: Call[None, None, schema.RecorderPage]) -> schema.Recorders:
    """The certificates of a batch of gateways, in pages of up to 20, each with those behind it.

    Three AWS calls where the product was read seconds ago, and one for every fifty devices.
    """
    body = call.body
    found = _product(call.caller.tenant, body.product_key)
    offset = (body.page_no - 1) * body.page_size
    part = certificates.of_gateways(call.caller, found.id, body.batch_id, offset, body.page_size)
    items = [
        schema.Recorder(len(each.children), _triple(each.gateway), [_triple(one) for one in each.children])
        for each in part.items
    ]
    return schema.Recorders(part.total, part.total, body.page_no, body.page_size, items)


@cloud("/living/cloud/project/list", "1.0.0", source="Feiyan 7.2.9")
def list_projects(call: Call[None, None, schema.ProjectPage]) -> schema.Projects:
    """The project of the cloudToken: no project knows of another.

    Five AWS calls, one more for a hundred products.
    """
    found = applications.find(call.caller.owner)
    made = products.list_products(found.tenant)
    released = sum(products.is_released(each) for each in made)
    project = schema.Project(
        tenant_id=found.tenant,
        project_id=found.id,
        isolation_id=found.id,
        name=found.name,
        description=found.name,
        product_count=len(made),
        app_count=len(keys.list_keys(found.id)),
        account_count=len(accounts.list_accounts(found.tenant)),
        develop_count=len(made) - released,
        publish_count=released,
        gmt_create=found.created,
        share=False,
    )
    shown = [project] if call.body.page_no == 1 else []
    return schema.Projects(1, call.body.page_no, call.body.page_size, shown)


def _product(tenant: str, key: str) -> Product:
    return products.find_by_short_id(tenant, key)


def _of_amount(make: Callable[..., str], call: Call[None, None, schema.Amount]) -> str:
    found = _product(call.caller.tenant, call.body.product_key)
    try:
        return make(call.caller, found.id, call.body.amount)
    except core.InvalidInput as error:
        if error.field == "amount":
            raise errors.BadAmount(error.field, error.reason) from None
        raise


def _key(product: str) -> str:
    found = products.load(product)
    return (found.short_id if found else None) or ""


def _certificate(found: Certificate) -> schema.CertificateShown:
    state = found.state
    return schema.CertificateShown(
        iot_id=found.device,
        product_key=_key(found.product),
        device_name=found.name,
        device_secret=found.secret,
        active_time=str(state.activated_at) if state and state.activated_at is not None else None,
        status=thing_mapping.status(state) if state else thing_mapping.INACTIVE,
        device_id=found.name,
    )


def _triple(found: Certificate) -> schema.Triple:
    return schema.Triple(found.device, _key(found.product), found.name, found.secret)
